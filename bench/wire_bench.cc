// What decoding a provider's stream costs: SSE alone, chunked HTTP alone, and the whole path from
// socket bytes to a delta's text, on a chunk of 300 bytes as OpenAI-like servers send it.
#include <benchmark/benchmark.h>
#include <simdjson.h>

#include <string>
#include <vector>

#include "adapters/wire/http_response.h"
#include "adapters/wire/sse.h"
#include "bench/raw_lmdb.h"

namespace daybook::wire_bench {

const std::string& event_300() {
  static const std::string event = [] {
    std::string json =
        R"({"id":"gen-1732183200-abcdefghijklmnopqrst","provider":"Somebody",)"
        R"("model":"openai/gpt-4o",)"
        R"("object":"chat.completion.chunk","created":1732183200,"choices":[{"index":0,"delta":)"
        R"({"role":"assistant","content":" world"},"finish_reason":null,)"
        R"("native_finish_reason":null,)"
        R"("logprobs":null}],"system_fingerprint":"fp_0123456789"})";
    return "data: " + json + "\n\n";
  }();
  return event;
}

std::string chunk_of(const std::string& data) {
  char size[32];
  std::snprintf(size, sizeof size, "%zx\r\n", data.size());
  return size + data + "\r\n";
}

constexpr const char* kHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

void sse_event(benchmark::State& state) {
  std::string read;
  for (std::int64_t i = 0; i < state.range(0); ++i) read += event_300();
  sse::Decoder decoder;
  bench::measure_against_raw(state, static_cast<double>(state.range(0)), [&] {
    decoder.feed(read);
    while (const auto event = decoder.next()) benchmark::DoNotOptimize(event->data.data());
  });
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(read.size()));
}
BENCHMARK(sse_event)->Name("wire/SSE decode")->Arg(1)->Arg(16);

void sse_event_cut_in_two(benchmark::State& state) {
  const std::string& event = event_300();
  const std::size_t half = event.size() / 2;
  sse::Decoder decoder;
  bench::measure_against_raw(state, 1, [&] {
    decoder.feed(std::string_view(event).substr(0, half));
    while (decoder.next()) {
    }
    decoder.feed(std::string_view(event).substr(half));
    while (const auto found = decoder.next()) benchmark::DoNotOptimize(found->data.data());
  });
}
BENCHMARK(sse_event_cut_in_two)->Name("wire/SSE decode, cut in two");

void http_chunk(benchmark::State& state) {
  const std::string chunk = chunk_of(event_300());
  http::ResponseReader reader(http::Asked::kOrdinary);
  std::vector<http::Piece> pieces;
  reader.feed(kHead, &pieces);
  bench::measure_against_raw(state, 1, [&] {
    pieces.clear();
    reader.feed(chunk, &pieces);
    benchmark::DoNotOptimize(pieces.data());
  });
}
BENCHMARK(http_chunk)->Name("wire/HTTP chunk parse");

void http_whole_response(benchmark::State& state) {
  const std::string response =
      "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sat, 21 Nov 2026 02:00:00 GMT\r\n"
      "Content-Type: application/json\r\nContent-Length: 23\r\nConnection: keep-alive\r\n\r\n"
      "{\"ok\":true,\"result\":[]}";
  std::vector<http::Piece> pieces;
  bench::measure_against_raw(state, 1, [&] {
    http::ResponseReader reader(http::Asked::kOrdinary);
    pieces.clear();
    reader.feed(response, &pieces);
    benchmark::DoNotOptimize(pieces.data());
  });
}
BENCHMARK(http_whole_response)->Name("wire/HTTP response parse");

// One read, one chunk, one event, one delta: the slowest way a stream can come.
void http_sse_json_delta(benchmark::State& state) {
  const std::string chunk = chunk_of(event_300());
  http::ResponseReader reader(http::Asked::kOrdinary);
  sse::Decoder decoder;
  simdjson::ondemand::parser parser;
  std::string padded;
  padded.reserve(64u << 10);
  std::vector<http::Piece> pieces;
  reader.feed(kHead, &pieces);
  std::size_t text_bytes = 0;
  bench::measure_against_raw(state, 1, [&] {
    pieces.clear();
    reader.feed(chunk, &pieces);
    for (const http::Piece& piece : pieces) {
      const auto* body = std::get_if<http::Body>(&piece);
      if (body == nullptr) continue;
      decoder.feed(body->bytes);
      while (const auto event = decoder.next()) {
        padded.assign(event->data);
        simdjson::ondemand::document document;
        const simdjson::padded_string_view view(padded.data(), padded.size(), padded.capacity());
        if (parser.iterate(view).get(document) != simdjson::SUCCESS) continue;
        std::string_view text;
        const auto found = document["choices"].at(0)["delta"]["content"].get_string().get(text);
        if (found == simdjson::SUCCESS) text_bytes += text.size();
      }
    }
  });
  if (text_bytes != static_cast<std::size_t>(state.iterations()) * 6)
    state.SkipWithError("lost text");
}
BENCHMARK(http_sse_json_delta)->Name("wire/HTTP + SSE + JSON, one delta a read");

}  // namespace daybook::wire_bench
