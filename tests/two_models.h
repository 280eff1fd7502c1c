// A Story with two providers to ask, main and spare, and a small one nearby; and what replaying it
// must give.
#pragma once

#include <string>
#include <vector>

#include "tests/story.h"
#include "tools/replay.h"

namespace daybook::testing {

class TwoModels : public Story {
 public:
  static constexpr const char* kPlace = "console:local";

  explicit TwoModels(const std::vector<std::string>& fallbacks = {"spare:s"}) {
    SettingsLoaded* body = rows.mutable_settings_loaded();
    body->set_model("main:m");
    for (const char* name : {"main", "spare", "near"}) {
      ProviderRow* row = body->add_providers();
      row->set_name(name);
      row->set_kind("openai");
      row->set_base_url(std::string(name) == "near" ? "http://127.0.0.1:8080/v1"
                                                    : "https://" + std::string(name) + ".example");
      row->set_usable(true);
    }
    for (const std::string& model : fallbacks) body->add_fallbacks(model);
    load();
  }

  // Puts `rows` in force.
  void load() {
    gateway->record(rows, now);
    commit();
  }

  Seq fail_status(ErrorClass error, std::int32_t status, std::int64_t retry_after = 0,
                  const std::string& text = "", const std::string& place = kPlace,
                  bool missing_model = false) {
    const OpenTurn open = turn(place);
    Fact fact;
    AttemptFailed* body = fact.mutable_attempt_failed();
    body->set_turn(open.seq());
    body->set_attempt(open.attempt());
    body->set_error(error);
    body->set_status(status);
    body->set_retry_after(retry_after);
    body->set_missing_model(missing_model);
    fact.mutable_content()->set_text(text);
    return gateway->record(std::move(fact), now);
  }

  // All three attempts of the model that is asked now.
  void wear_out(ErrorClass error) {
    for (int attempt = 0; attempt < 3; ++attempt) fail_status(error, 0);
  }

  std::string asked(const std::string& place = kPlace) {
    const OpenTurn open = turn(place);
    return open.provider() + ":" + open.model();
  }

  [[nodiscard]] bool idle(const std::string& place = kPlace) {
    return !gateway->session(gateway->directory().at(place)->id())->busy();
  }

  std::string shown(Seq source) {
    commit();
    return gateway->work().deliveries.open().at(source).text;
  }

  // What a process that starts now knows is what this one knows, and it would decide the same.
  void check_again() {
    commit();
    const std::string known = gateway->directory().save().SerializeAsString();
    const auto replayed = replay_check(log, 0);
    REQUIRE(replayed);
    CHECK(replayed->divergence == "");
    log.forget_snapshots();
    open();
    CHECK(gateway->directory().save().SerializeAsString() == known);
  }

  Fact rows = settings();
};

}  // namespace daybook::testing
