// Deadlines cost nothing per read: reading only moves the number, and the one timer, when it fires
// early, is set again for what is left.
#include "adapters/net/http_exchange.h"

#include <algorithm>

namespace daybook {
namespace {

std::string seconds(Duration duration) {
  const auto milliseconds = duration.count();
  if (milliseconds % 1000 != 0) return std::to_string(milliseconds) + " ms";
  return std::to_string(milliseconds / 1000) + " s";
}

std::uint64_t after(std::uint64_t now, Duration duration) {
  return now + static_cast<std::uint64_t>(std::max<Duration::rep>(duration.count(), 0));
}

}  // namespace

HttpExchange::HttpExchange(uv_loop_t* loop, ExchangeHost& host, CallId id, HttpCall call)
    : loop_(loop), host_(host), id_(id), call_(std::move(call)) {}

HttpExchange::~HttpExchange() = default;

void HttpExchange::start() {
  auto request = host_.request(call_);
  if (!request) {
    phase_ = Phase::kOver;
    host_.reply(id_, ReplyFailed{ReplyFailed::Reason::kRefused, false, request.error().message});
    host_.over(id_);
    return;
  }
  request_ = std::move(*request);
  call_.body = {};
  uv_update_time(loop_);
  total_deadline_ = after(uv_now(loop_), call_.deadlines.total);
  timer_.open(this, [&](uv_timer_t* handle) { return uv_timer_init(loop_, handle); });
  begin(false);
}

void HttpExchange::hold(bool held) {
  if (held == held_ || phase_ == Phase::kOver) return;
  held_ = held;
  uv_update_time(loop_);
  const std::uint64_t now = uv_now(loop_);
  if (held) {
    held_since_ = now;
  } else {
    phase_deadline_ += now - held_since_;
    total_deadline_ += now - held_since_;
    arm();
  }
  if (connection_ != nullptr) connection_->hold(held);
}

void HttpExchange::abandon() {
  if (phase_ == Phase::kOver) return;
  let_go(false);
  host_.over(id_);
}

void HttpExchange::begin(bool fresh) {
  const auto asked = call_.method == "HEAD" ? http::Asked::kHead : http::Asked::kOrdinary;
  reader_ = std::make_unique<http::ResponseReader>(
      asked, call_.stream ? http::Unmarked::kAccepted : http::Unmarked::kRefused);
  requested_ = false;
  ExchangeHost::Lease lease = host_.lease(call_, fresh, this);
  connection_ = std::move(lease.connection);
  reused_ = lease.reused;
  if (held_) connection_->hold(true);
  if (reused_) {
    send();
  } else {
    enter(Phase::kConnecting, call_.deadlines.connect);
  }
}

void HttpExchange::enter(Phase phase, Duration limit) {
  phase_ = phase;
  phase_deadline_ = after(uv_now(loop_), limit);
  arm();
}

void HttpExchange::arm() {
  const std::uint64_t due = std::min(phase_deadline_, total_deadline_);
  if (armed_ != 0 && armed_ <= due) return;
  armed_ = std::max<std::uint64_t>(due, 1);
  const std::uint64_t now = uv_now(loop_);
  uv_timer_start(timer_.get(), on_timer, due > now ? due - now : 0, 0);
}

void HttpExchange::on_timer(uv_timer_t* timer) {
  auto* exchange = static_cast<HttpExchange*>(timer->data);
  if (exchange == nullptr || exchange->phase_ == Phase::kOver) return;
  exchange->armed_ = 0;
  if (exchange->held_) return;
  if (uv_now(exchange->loop_) < std::min(exchange->phase_deadline_, exchange->total_deadline_)) {
    exchange->arm();
  } else {
    exchange->stalled();
  }
}

void HttpExchange::stalled() {
  using Reason = ReplyFailed::Reason;
  if (uv_now(loop_) >= total_deadline_) {
    return fail(Reason::kStalled, "not done within " + seconds(call_.deadlines.total));
  }
  switch (phase_) {
    case Phase::kConnecting:
      return fail(Reason::kStalled, "no connection within " + seconds(call_.deadlines.connect));
    case Phase::kHandshaking:
      return fail(Reason::kStalled, "no TLS session within " + seconds(call_.deadlines.handshake));
    case Phase::kSending:
      return fail(Reason::kStalled,
                  "the request was not taken within " + seconds(call_.deadlines.idle));
    case Phase::kWaiting:
      return fail(Reason::kStalled, "no answer within " + seconds(call_.deadlines.first_byte));
    case Phase::kReceiving:
    case Phase::kOver:
      return fail(Reason::kStalled, "the answer stopped for " + seconds(call_.deadlines.idle));
  }
}

void HttpExchange::on_stage(Connection::Stage stage) {
  if (stage == Connection::Stage::kHandshaking) {
    enter(Phase::kHandshaking, call_.deadlines.handshake);
  } else if (stage == Connection::Stage::kOpen) {
    send();
  }
}

void HttpExchange::send() {
  enter(Phase::kSending, call_.deadlines.idle);
  requested_ = true;
  // Kept for a second attempt only where there may be one.
  connection_->send(call_.repeatable ? request_ : std::move(request_));
}

void HttpExchange::on_sent() {
  handed_over_ = handed_over_ || requested_;
  if (phase_ == Phase::kSending) enter(Phase::kWaiting, call_.deadlines.first_byte);
}

void HttpExchange::on_bytes(std::string_view bytes) {
  if (phase_ == Phase::kOver) return;
  if (!requested_) return fail(ReplyFailed::Reason::kProtocol, "it answered before it was asked");
  enter(Phase::kReceiving, call_.deadlines.idle);
  pieces_.clear();
  const bool good = reader_->feed(bytes, &pieces_);
  for (http::Piece& piece : pieces_) {
    if (!take_piece(std::move(piece))) return;
  }
  if (reader_->complete()) return finish();
  if (call_.stream) pass_on_body();
  if (!good) fail(ReplyFailed::Reason::kProtocol, reader_->error());
}

// False: the exchange is over.
bool HttpExchange::take_piece(http::Piece piece) {
  if (auto* head = std::get_if<http::Head>(&piece)) {
    host_.reply(id_, ReplyHead{head->status, std::move(head->headers)});
  } else if (const auto* body = std::get_if<http::Body>(&piece)) {
    return take_body(body->bytes);
  }
  return true;
}

bool HttpExchange::take_body(std::string_view bytes) {
  const std::size_t room = call_.body_bytes_max - body_bytes_;
  body_ += bytes.substr(0, room);
  body_bytes_ += std::min(bytes.size(), room);
  if (bytes.size() <= room) return true;
  // Its beginning may tell what it is.
  pass_on_body();
  fail(ReplyFailed::Reason::kTooLarge,
       "the answer is longer than " + std::to_string(call_.body_bytes_max) + " bytes");
  return false;
}

void HttpExchange::pass_on_body() {
  if (body_.empty()) return;
  host_.reply(id_, ReplyBody{std::move(body_)});
  body_.clear();
}

void HttpExchange::finish() {
  if (call_.stream) {
    pass_on_body();
  } else {
    host_.reply(id_, ReplyBody{std::move(body_)});
  }
  host_.reply(id_, ReplyEnd{});
  let_go(reader_->should_keep_alive() && connection_->sent_all());
  host_.over(id_);
}

void HttpExchange::on_closed(const Connection::Trouble& trouble) {
  if (phase_ == Phase::kOver) return;
  handed_over_ = handed_over_ || (requested_ && connection_->sent_all());
  const bool died_idle = reused_ && !reader_->started();
  if (died_idle && call_.repeatable && !retried_) {
    retried_ = true;
    host_.release(call_, std::move(connection_), false);
    begin(true);
    return;
  }
  if (trouble.in_order) {
    pieces_.clear();
    reader_->end_of_bytes(&pieces_);
    if (reader_->complete()) return finish();
  }
  const bool cut = reader_->started();
  fail(trouble.reason, cut ? trouble.detail + " before the answer was whole" : trouble.detail);
}

void HttpExchange::fail(ReplyFailed::Reason reason, std::string_view what) {
  const bool handed_over =
      handed_over_ || (requested_ && connection_ != nullptr && connection_->sent_all());
  std::string detail = call_.label + " (" + call_.origin.host + "): ";
  detail += what;
  let_go(false);
  host_.reply(id_, ReplyFailed{reason, handed_over, std::move(detail)});
  host_.over(id_);
}

void HttpExchange::let_go(bool keep) {
  phase_ = Phase::kOver;
  timer_.close();
  if (connection_ != nullptr) host_.release(call_, std::move(connection_), keep);
}

}  // namespace daybook
