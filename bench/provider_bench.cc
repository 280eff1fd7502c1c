// What it costs to turn a provider's delta into a fact's text, beside what the parser alone takes.
//
// The raw rows are the floor: simdjson on demand straight to the one string, without tolerance for
// missing fields, split surrogates or errors; they stop at the text. `allocations` is per delta.
#include <benchmark/benchmark.h>
#include <simdjson.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include "adapters/gemini.h"
#include "adapters/openai_chat.h"
#include "bench/raw_lmdb.h"

namespace {
std::atomic<std::uint64_t> allocations_counted{0};

void* counted_allocation(std::size_t size) {
  allocations_counted.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size)) return memory;
  std::abort();
}
void counted_release(void* memory) { std::free(memory); }

}  // namespace

void* operator new(std::size_t size) { return counted_allocation(size); }
void operator delete(void* memory) noexcept { counted_release(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { counted_release(memory); }

namespace daybook::provider_bench {

// Texts of up to 15 bytes live within their string, as most deltas do.
const std::string kChatDelta =
    R"({"id":"gen-1795219200-AbCdEfGhIjKlMnOpQrSt","object":"chat.completion.chunk",)"
    R"("created":1795219200,"model":"anthropic/claude-sonnet-5.5","provider":"Anthropic",)"
    R"("choices":[{"index":0,"delta":{"role":"assistant","content":" gateway"},)"
    R"("finish_reason":null,"native_finish_reason":null,"logprobs":null}],)"
    R"("system_fingerprint":null})";
const std::string kGeminiDelta =
    R"({"candidates":[{"content":{"role":"model","parts":[{"text":" gateway"}]},"index":0}],)"
    R"("usageMetadata":{"promptTokenCount":21,"candidatesTokenCount":2,"totalTokenCount":57,)"
    R"("thoughtsTokenCount":34},"modelVersion":"gemini-3.8-flash","responseId":"r1"})";

void finish(benchmark::State& state, std::uint64_t allocations_before, std::size_t bytes) {
  const auto count = static_cast<double>(state.iterations());
  const auto allocations = allocations_counted.load() - allocations_before;
  state.counters["allocations"] = static_cast<double>(allocations) / count;
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}

void decode(benchmark::State& state, Dialect& dialect, const std::string& event) {
  const auto decoder = dialect.decoder();
  std::vector<Delta> deltas;
  Answer answer;
  decoder->decode(event, deltas, answer);
  const std::uint64_t before = allocations_counted.load();
  bench::measure_against_raw(state, 1, [&] {
    deltas.clear();
    decoder->decode(event, deltas, answer);
    benchmark::DoNotOptimize(deltas.data());
  });
  if (deltas.size() != 1 || deltas[0].text != " gateway") state.SkipWithError("wrong text");
  finish(state, before, event.size());
}

void chat_delta(benchmark::State& state) {
  OpenAiChat dialect(ProviderSettings{});
  decode(state, dialect, kChatDelta);
}
BENCHMARK(chat_delta)->Name("provider/JSON chunk decode, chat completions");

void gemini_delta(benchmark::State& state) {
  Gemini dialect(ProviderSettings{});
  decode(state, dialect, kGeminiDelta);
}
BENCHMARK(gemini_delta)->Name("provider/JSON chunk decode, Gemini");

template <class Find>
void raw_parser(benchmark::State& state, const std::string& event, const Find& find) {
  simdjson::ondemand::parser parser;
  const simdjson::padded_string padded(event);
  std::string text;
  const std::uint64_t before = allocations_counted.load();
  bench::measure_against_raw(state, 1, [&] {
    auto document = parser.iterate(padded);
    std::string_view found;
    if (find(document).get(found)) state.SkipWithError("not found");
    text.assign(found);
    benchmark::DoNotOptimize(text.data());
  });
  finish(state, before, event.size());
}

void chat_delta_raw_parser(benchmark::State& state) {
  raw_parser(state, kChatDelta, [](auto& document) {
    return document["choices"].at(0)["delta"]["content"].get_string();
  });
}
BENCHMARK(chat_delta_raw_parser)
    ->Name("provider/JSON chunk decode, chat completions, simdjson alone");

void gemini_delta_raw_parser(benchmark::State& state) {
  raw_parser(state, kGeminiDelta, [](auto& document) {
    return document["candidates"].at(0)["content"]["parts"].at(0)["text"].get_string();
  });
}
BENCHMARK(gemini_delta_raw_parser)->Name("provider/JSON chunk decode, Gemini, simdjson alone");

}  // namespace daybook::provider_bench
