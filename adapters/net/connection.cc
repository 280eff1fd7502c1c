// The layers are passed from the outside in: socket, tunnel, then whatever the origin speaks.
#include "adapters/net/connection.h"

#include <vector>

#include "adapters/wire/http_request.h"
#include "core/check.h"

namespace daybook {
namespace {

constexpr std::size_t kReadBytes = 64u << 10;
constexpr unsigned kKeepAliveSeconds = 60;

}  // namespace

struct Connection::Write {
  uv_write_t raw{};
  std::string bytes;
};

Connection::Connection(uv_loop_t* loop, TlsStore& tls, Route route, Owner* owner)
    : loop_(loop), tls_store_(tls), route_(std::move(route)), owner_(owner) {
  const Origin& first = route_.proxy ? *route_.proxy : route_.origin;
  connector_ = std::make_unique<Connector>(
      loop_, first.host, first.port,
      [this](Connector::Outcome outcome) { connected(std::move(outcome)); });
}

Connection::~Connection() = default;

void Connection::close() {
  owner_ = nullptr;
  if (stage_ == Stage::kOpen && tls_ != nullptr) {
    tls_->close();
    flush_tls();
  }
  stage_ = Stage::kClosed;
  connector_.reset();
  socket_.close();
}

void Connection::enter(Stage stage) {
  stage_ = stage;
  if (owner_ != nullptr) owner_->on_stage(stage);
}

void Connection::fail(ReplyFailed::Reason reason, std::string detail, bool in_order) {
  if (stage_ == Stage::kClosed) return;
  stage_ = Stage::kClosed;
  if (socket_) uv_read_stop(socket_.stream());
  if (owner_ != nullptr) owner_->on_closed({reason, std::move(detail), in_order});
}

void Connection::connected(Connector::Outcome outcome) {
  if (!outcome.socket) {
    fail(outcome.reason, std::move(outcome.detail));
    return;
  }
  socket_ = std::move(outcome.socket);
  socket_.set_owner(this);
  uv_tcp_nodelay(socket_.get(), 1);
  uv_tcp_keepalive(socket_.get(), 1, kKeepAliveSeconds);
  if (!held_) read();
  if (route_.proxy && route_.origin.tls) {
    begin_tunnel();
  } else {
    begin_origin();
  }
}

void Connection::read() {
  const auto allocate = [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
    auto* connection = static_cast<Connection*>(handle->data);
    if (connection == nullptr) return;
    connection->read_buffer_.resize(kReadBytes);
    *buffer = uv_buf_init(connection->read_buffer_.data(), kReadBytes);
  };
  uv_read_start(socket_.stream(), allocate, on_read);
}

void Connection::hold(bool held) {
  held_ = held;
  if (!socket_ || stage_ == Stage::kClosed) return;
  if (held) {
    uv_read_stop(socket_.stream());
  } else {
    read();
  }
}

void Connection::begin_tunnel() {
  auto request = http::write_connect(route_.origin, route_.user_agent);
  if (!request) {
    fail(ReplyFailed::Reason::kRefused, request.error().message);
    return;
  }
  tunnel_ = std::make_unique<http::ResponseReader>(http::Asked::kConnect);
  write_raw(std::move(*request));
}

void Connection::tunnel_bytes(std::string_view bytes) {
  std::vector<http::Piece> pieces;
  const bool good = tunnel_->feed(bytes, &pieces);
  for (const http::Piece& piece : pieces) {
    const auto* head = std::get_if<http::Head>(&piece);
    if (head == nullptr || head->status / 100 == 2) continue;
    fail(ReplyFailed::Reason::kConnect, "the proxy " + route_.proxy->host +
                                            " refused a tunnel to " + route_.origin.host +
                                            " with status " + std::to_string(head->status));
    return;
  }
  if (!good) {
    fail(ReplyFailed::Reason::kProtocol,
         "the proxy " + route_.proxy->host + ": " + std::string(tunnel_->error()));
    return;
  }
  if (!tunnel_->complete()) return;
  tunnel_.reset();
  begin_origin();
}

void Connection::begin_origin() {
  if (!route_.origin.tls) {
    enter(Stage::kOpen);
    return;
  }
  auto client = tls_store_.start(route_.origin);
  if (!client) {
    fail(ReplyFailed::Reason::kUntrusted, client.error().message);
    return;
  }
  tls_ = std::move(*client);
  flush_tls();
  enter(Stage::kHandshaking);
}

void Connection::send(std::string bytes) {
  CHECK(stage_ == Stage::kOpen, "bytes were sent on a connection that is not open");
  if (tls_ == nullptr) {
    write_raw(std::move(bytes));
    return;
  }
  tls_->write(bytes);
  write_failed_ = write_failed_ || tls_->state() != tls::Client::State::kOpen;
  flush_tls();
}

void Connection::flush_tls() {
  std::string output = tls_->take_output();
  if (!output.empty()) write_raw(std::move(output));
}

void Connection::write_raw(std::string bytes) {
  auto write = std::make_unique<Write>();
  write->bytes = std::move(bytes);
  write->raw.data = write.get();
  const uv_buf_t buffer =
      uv_buf_init(write->bytes.data(), static_cast<unsigned>(write->bytes.size()));
  const int code = uv_write(&write->raw, socket_.stream(), &buffer, 1, on_write);
  if (code != 0) {
    write_failed_ = true;
    return;
  }
  static_cast<void>(write.release());  // libuv's until on_write
}

bool Connection::sent_all() const {
  return !write_failed_ && socket_ && uv_stream_get_write_queue_size(socket_.stream()) == 0;
}

void Connection::on_write(uv_write_t* request, int status) {
  const std::unique_ptr<Write> write(static_cast<Write*>(request->data));
  auto* connection = static_cast<Connection*>(request->handle->data);
  if (connection == nullptr || connection->stage_ == Stage::kClosed) return;
  if (status != 0) {
    // Reading goes on: a server that refuses a request early says why before it closes, and the
    // end of that reading reports the failure.
    connection->write_failed_ = true;
    return;
  }
  const bool told = connection->stage_ == Stage::kOpen && connection->sent_all();
  if (told && connection->owner_ != nullptr) connection->owner_->on_sent();
}

void Connection::on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* buffer) {
  auto* connection = static_cast<Connection*>(stream->data);
  if (connection == nullptr || size == 0) return;
  if (size < 0) return connection->ended(size == UV_EOF);
  connection->received({buffer->base, static_cast<std::size_t>(size)});
}

void Connection::ended(bool cleanly) {
  std::string detail = route_.proxy ? route_.proxy->host : route_.origin.host;
  detail += cleanly ? " closed the connection" : " broke the connection";
  if (cleanly && tls_ != nullptr) detail += " without saying so first";
  fail(stage_ == Stage::kHandshaking ? ReplyFailed::Reason::kTls : ReplyFailed::Reason::kClosed,
       std::move(detail), cleanly && tls_ == nullptr && stage_ == Stage::kOpen);
}

void Connection::received(std::string_view bytes) {
  if (tunnel_ != nullptr) {
    tunnel_bytes(bytes);
  } else if (tls_ != nullptr) {
    tls_bytes(bytes);
  } else if (owner_ != nullptr) {
    owner_->on_bytes(bytes);
  }
}

void Connection::tls_bytes(std::string_view bytes) {
  plaintext_.clear();
  const tls::Client::State state = tls_->feed(bytes, &plaintext_);
  // Told before an alert joins the queue: what follows a request must not hide that it went out.
  if (stage_ == Stage::kOpen && sent_all() && owner_ != nullptr) owner_->on_sent();
  flush_tls();
  if (stage_ == Stage::kHandshaking && !plaintext_.empty()) {
    fail(ReplyFailed::Reason::kProtocol, "it answered before it was asked");
    return;
  }
  if (stage_ == Stage::kHandshaking && state == tls::Client::State::kOpen) {
    tls_store_.keep(route_.origin, *tls_);
    enter(Stage::kOpen);
  }
  if (!plaintext_.empty() && owner_ != nullptr) owner_->on_bytes(plaintext_);
  if (stage_ == Stage::kClosed) return;
  if (state == tls::Client::State::kFailed) {
    if (stage_ == Stage::kHandshaking) tls_store_.forget(route_.origin);
    const bool certificate = tls_->verify_flags() != 0;
    fail(certificate ? ReplyFailed::Reason::kUntrusted : ReplyFailed::Reason::kTls, tls_->error());
  } else if (state == tls::Client::State::kClosed) {
    fail(ReplyFailed::Reason::kClosed, route_.origin.host + " closed the connection", true);
  }
}

}  // namespace daybook
