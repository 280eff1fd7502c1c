// Certificates for tests, made by the openssl command at test time in a directory of their own.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace daybook::tls_certificates {

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class Workshop {
 public:
  Workshop() {
    std::string name = (std::filesystem::temp_directory_path() / "daybook-tls-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
    directory_ = name;
    authority("authority", "/CN=Test Authority");
  }
  Workshop(const Workshop&) = delete;
  Workshop& operator=(const Workshop&) = delete;
  ~Workshop() { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::string path(const std::string& name) const { return directory_ + "/" + name; }

  // <name>.pem and <name>.key: a self-signed authority.
  void authority(const std::string& name, const std::string& subject) {
    key(name, "ec -pkeyopt ec_paramgen_curve:P-256");
    run("req -x509 -new -key " + path(name + ".key") + " -days 30 -sha256 -subj '" + subject +
        "' -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign" +
        " -out " + path(name + ".pem"));
  }

  struct Leaf {
    std::string extensions = "subjectAltName=DNS:localhost";  // lines of an openssl section
    std::string subject = "/CN=localhost";
    std::string issuer = "authority";
    std::string key = "ec -pkeyopt ec_paramgen_curve:P-256";
    std::string hash = "sha256";
    std::string not_before = "20200101000000Z";
    std::string not_after = "20991231000000Z";
  };

  // <name>.pem and <name>.key, signed by the issuer. `ca` keeps the dates, which x509 cannot set.
  void leaf(const std::string& name, const Leaf& leaf) {
    key(name, leaf.key);
    run("req -new -key " + path(name + ".key") + " -subj '" + leaf.subject + "' -out " +
        path(name + ".csr"));
    std::ofstream(path("index.txt")).close();
    std::ofstream(path("ca.conf")) << "[ca]\ndefault_ca=d\n[d]\ndatabase=" << path("index.txt")
                                   << "\nrand_serial=yes\nnew_certs_dir=" << directory_
                                   << "\npolicy=p\nunique_subject=no\n[p]\ncommonName=optional\n"
                                   << "[e]\n"
                                   << leaf.extensions << "\n";
    run("ca -batch -notext -config " + path("ca.conf") + " -extensions e -md " + leaf.hash +
        " -startdate " + leaf.not_before + " -enddate " + leaf.not_after + " -cert " +
        path(leaf.issuer + ".pem") + " -keyfile " + path(leaf.issuer + ".key") + " -in " +
        path(name + ".csr") + " -out " + path(name + ".pem"));
  }

  void self_signed(const std::string& name) {
    key(name, "ec -pkeyopt ec_paramgen_curve:P-256");
    run("req -x509 -new -key " + path(name + ".key") +
        " -days 30 -sha256 -subj /CN=localhost -addext subjectAltName=DNS:localhost -out " +
        path(name + ".pem"));
  }

 private:
  void key(const std::string& name, const std::string& kind) {
    run("genpkey -algorithm " + kind + " -out " + path(name + ".key"));
  }
  void run(const std::string& arguments) {
    const std::string log = path("openssl.log");
    const std::string command = "openssl " + arguments + " >" + log + " 2>&1";
    if (std::system(command.c_str()) != 0) {
      throw std::runtime_error("openssl " + arguments + "\n" + read_file(log));
    }
  }

  std::string directory_;
};

}  // namespace daybook::tls_certificates
