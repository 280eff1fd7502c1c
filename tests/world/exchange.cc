// Responses as bytes, and the outbox that holds them until their time. Cuts are made here, on bytes
// of the whole response, so that a fault never depends on how a server made its pieces.
#include "tests/world/exchange.h"

#include <array>
#include <cstdio>

namespace daybook::world {
namespace {

std::string_view reason_phrase(int status) {
  static constexpr std::array<std::pair<int, std::string_view>, 16> kPhrases{{
      {200, "OK"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {402, "Payment Required"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {413, "Payload Too Large"},
      {422, "Unprocessable Entity"},
      {429, "Too Many Requests"},
      {500, "Internal Server Error"},
      {502, "Bad Gateway"},
      {503, "Service Unavailable"},
      {504, "Gateway Timeout"},
      {529, "Site is overloaded"},
  }};
  for (const auto& [code, phrase] : kPhrases) {
    if (code == status) return phrase;
  }
  return "Unknown";
}

std::string head(int status, std::string_view content_type, const Headers& more) {
  std::string text = "HTTP/1.1 " + std::to_string(status) + " ";
  text += reason_phrase(status);
  text += "\r\nServer: nginx\r\nContent-Type: ";
  text += content_type;
  text += "\r\n";
  for (const auto& [name, value] : more) text += name + ": " + value + "\r\n";
  return text;
}

Output::After after_cut(Ending::Kind kind) {
  switch (kind) {
    case Ending::Kind::kClose:
      return Output::After::kClose;
    case Ending::Kind::kReset:
      return Output::After::kReset;
    case Ending::Kind::kWhole:
    case Ending::Kind::kStall:
      break;
  }
  return Output::After::kMore;
}

}  // namespace

std::string_view HttpRequest::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

std::string_view HttpRequest::path() const {
  return std::string_view(target).substr(0, target.find('?'));
}

void Outbox::send(ExchangeId exchange, std::vector<Piece> pieces, Ending ending) {
  std::size_t sent = 0;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    Piece& piece = pieces[i];
    Output output{exchange, std::move(piece.bytes), Output::After::kMore};
    const bool cut =
        ending.kind != Ending::Kind::kWhole && sent + output.bytes.size() >= ending.bytes;
    if (cut) {
      output.bytes.resize(ending.bytes - sent);
      output.after = after_cut(ending.kind);
    } else if (i + 1 == pieces.size()) {
      output.after = Output::After::kDone;
    }
    sent += output.bytes.size();
    outputs_.emplace(piece.at, std::move(output));
    if (cut) return;
  }
}

void Outbox::drop(ExchangeId exchange) {
  std::erase_if(outputs_, [exchange](const auto& row) { return row.second.exchange == exchange; });
}

std::vector<Output> Outbox::take(Time now) {
  std::vector<Output> due;
  while (!outputs_.empty() && outputs_.begin()->first <= now) {
    due.push_back(std::move(outputs_.begin()->second));
    outputs_.erase(outputs_.begin());
  }
  return due;
}

Time Outbox::wake_at() const { return outputs_.empty() ? kNever : outputs_.begin()->first; }

bool Outbox::holds(ExchangeId exchange) const {
  for (const auto& [at, output] : outputs_) {
    if (output.exchange == exchange) return true;
  }
  return false;
}

std::string http_response(int status, std::string_view content_type, std::string_view body,
                          const Headers& more) {
  std::string text = head(status, content_type, more);
  text += "Content-Length: " + std::to_string(body.size()) + "\r\nConnection: keep-alive\r\n\r\n";
  text += body;
  return text;
}

std::string http_chunked_head(int status, std::string_view content_type, const Headers& more) {
  return head(status, content_type, more) + "Transfer-Encoding: chunked\r\n\r\n";
}

std::string http_chunk(std::string_view text) {
  std::array<char, 24> size{};
  std::snprintf(size.data(), size.size(), "%zx\r\n", text.size());
  std::string chunk = size.data();
  chunk += text;
  chunk += "\r\n";
  return chunk;
}

}  // namespace daybook::world
