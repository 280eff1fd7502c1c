// The bundle is read with a plain blocking read: a few hundred kilobytes, once.
#include "adapters/net/tls_store.h"

#include <cstdio>
#include <string_view>

namespace daybook {
namespace {

constexpr std::string_view kSystemBundle = "/etc/ssl/certs/ca-certificates.crt";

Result<std::string> read_bundle(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"),
                                                             std::fclose);
  std::string bytes;
  if (file != nullptr) {
    bytes.resize(TlsStore::kBundleBytesMax + 1);
    bytes.resize(std::fread(bytes.data(), 1, bytes.size(), file.get()));
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
    auto bundle = read_bundle(ca_file_);
    if (!bundle) return bundle.error();
    auto context = tls::Context::create(*bundle, ca_file_);
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
