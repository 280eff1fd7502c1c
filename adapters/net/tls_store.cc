// The bundle is read with plain blocking reads: a few hundred kilobytes, which the kernel has kept.
#include "adapters/net/tls_store.h"

#include <array>
#include <cstdio>
#include <string_view>

namespace daybook {
namespace {

constexpr std::string_view kSystemBundle = "/etc/ssl/certs/ca-certificates.crt";

Result<std::string> read_bundle(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"),
                                                             std::fclose);
  std::string bytes;
  std::array<char, 4096> piece;
  while (file != nullptr && bytes.size() <= TlsStore::kBundleBytesMax) {
    const std::size_t size = std::fread(piece.data(), 1, piece.size(), file.get());
    if (size == 0) break;
    bytes.append(piece.data(), size);
  }
  if (bytes.empty() || bytes.size() > TlsStore::kBundleBytesMax) {
    return Error{"the trusted certificates in " + path +
                     " could not be read; install the package ca-certificates or set tls.ca_file",
                 ExitCode::kSettings};
  }
  return bytes;
}

}  // namespace

TlsStore::TlsStore(std::string ca_file)
    : ca_file_(ca_file.empty() ? std::string(kSystemBundle) : std::move(ca_file)) {}
TlsStore::~TlsStore() = default;

Result<std::unique_ptr<tls::Client>> TlsStore::start(const Origin& origin) {
  if (context_ == nullptr) {
    auto context = tls::Context::create([this] { return read_bundle(ca_file_); }, ca_file_);
    if (!context) return context.error();
    context_ = std::move(*context);
  }
  const auto found = sessions_.find(origin);
  const tls::Session* resume = found != sessions_.end() ? found->second.get() : nullptr;
  return tls::Client::start(*context_, origin.host, resume);
}

void TlsStore::keep(const Origin& origin, const tls::Client& client) {
  if (client.resumed()) ++resumed_;
  auto session = client.session();
  if (session == nullptr) return forget(origin);
  if (sessions_.size() >= kSessionsMax && !sessions_.contains(origin)) sessions_.clear();
  sessions_[origin] = std::move(session);
}

void TlsStore::forget(const Origin& origin) { sessions_.erase(origin); }

}  // namespace daybook
