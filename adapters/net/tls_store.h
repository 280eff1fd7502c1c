// What TLS connections share across the process: the trusted bundle and the sessions to resume.
//
// Law: the bundle is read when a connection needs it, not at start, because parsing it takes as
// long as everything else at start together. A failed reading is tried again on the next call, so
// a bundle installed later is found without a restart. A session is used for its own origin alone.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "adapters/wire/tls.h"
#include "core/ports.h"
#include "core/result.h"

namespace daybook {

class TlsStore {
 public:
  static constexpr std::size_t kSessionsMax = 64;
  static constexpr std::size_t kBundleBytesMax = 16u << 20;

  // Empty: the system's bundle.
  explicit TlsStore(std::string ca_file);
  ~TlsStore();

  // A handshake with this origin, resuming if it can.
  Result<std::unique_ptr<tls::Client>> start(const Origin& origin);

  // The handshake succeeded; what the server gave replaces what was kept.
  void keep(const Origin& origin, const tls::Client& client);
  // It did not: the next one begins anew.
  void forget(const Origin& origin);

  // Handshakes that were abbreviated.
  [[nodiscard]] std::size_t resumed() const { return resumed_; }

 private:
  const std::string ca_file_;
  std::unique_ptr<tls::Context> context_;
  std::map<Origin, std::unique_ptr<tls::Session>> sessions_;
  std::size_t resumed_ = 0;
};

}  // namespace daybook
