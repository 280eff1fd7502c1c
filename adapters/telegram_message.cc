#include "adapters/telegram_message.h"

#include <array>

#include "adapters/telegram_codec.h"
#include "core/letters.h"
#include "core/told.h"

namespace daybook::telegram {
namespace {

constexpr std::array<std::string_view, 9> kAttachmentKinds = {
    "document",  "voice",   "audio", "video",     "video_note",
    "animation", "sticker", "photo", "live_photo"};

// What a person sends without words that is no file.
constexpr std::array<std::string_view, 9> kWordlessKinds = {
    "rich_message", "venue", "location",   "contact",  "poll",
    "dice",         "story", "paid_media", "checklist"};

std::string first_letters(std::string_view text, std::size_t letters_max) {
  std::size_t end = 0;
  for (std::size_t letters = 0; end < text.size(); ++letters) {
    if (letters == letters_max) return std::string(text.substr(0, end)) + "\u2026";
    end += letter_at(text.substr(end)).bytes;
  }
  return std::string(text);
}

// Who said what the message quotes or replies to, here or elsewhere.
std::string quoted_name(const JsonValue& message) {
  const JsonValue target = message["reply_to_message"];
  const JsonValue origin = message["external_reply"]["origin"];
  for (const JsonValue& person : {target["from"], origin["sender_user"]}) {
    if (std::string name = name_of(person); !name.empty()) return name;
  }
  for (const JsonValue& name : {target["sender_chat"]["title"], origin["sender_user_name"],
                                origin["sender_chat"]["title"], origin["chat"]["title"]}) {
    if (const auto words = name.string()) return cut(*words, kNameBytesMax);
  }
  return {};
}

// Our own words need no quoting, unless somebody points at some of them.
std::string_view quoted_words(const JsonValue& message, std::int64_t self) {
  if (const auto quote = message["quote"]["text"].string()) return *quote;
  const JsonValue target = message["reply_to_message"];
  if (!replies(message) || target["from"]["id"].integer_or(0) == self) return {};
  return target["text"].string_or(target["caption"].string_or(""));
}

}  // namespace

std::string cut(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return std::string(text);
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end));
}

std::string name_of(const JsonValue& person) {
  std::string name(person["first_name"].string_or(""));
  if (const auto last = person["last_name"].string()) name += ' ' + std::string(*last);
  if (name.empty()) name = person["username"].string_or("");
  return cut(name, kNameBytesMax);
}

void add_attachments(const JsonValue& message, Attachments* attachments) {
  for (const std::string_view kind : kAttachmentKinds) {
    JsonValue file = message[kind];
    // A photo comes in sizes, the last one the largest.
    if (file.is_array()) {
      const auto sizes = file.elements();
      if (sizes.empty()) continue;
      file = sizes.back();
    }
    if (!file["file_id"].string()) continue;
    if (static_cast<std::size_t>(attachments->size()) >= kAttachmentsMax) return;
    Attachment& attachment = *attachments->Add();
    attachment.set_kind(std::string(kind));
    attachment.set_unread(true);
    attachment.set_file_id(cut(file["file_id"].string_or(""), kNameBytesMax));
    attachment.set_mime_type(cut(file["mime_type"].string_or(""), kNameBytesMax));
    attachment.set_file_bytes(file["file_size"].integer_or(0));
  }
}

std::string wordless_kind(std::string_view kind, const JsonValue& message) {
  for (const std::string_view part : kAttachmentKinds) {
    if (message[part].present()) return std::string(kind) + '.' + std::string(part);
  }
  for (const std::string_view part : kWordlessKinds) {
    if (message[part].present()) return std::string(kind) + '.' + std::string(part);
  }
  return std::string(kind) + ".service";
}

bool replies(const JsonValue& message) {
  const JsonValue target = message["reply_to_message"];
  return target.present() && !target["forum_topic_created"].present();
}

void add_quoted(const JsonValue& message, std::int64_t self, Content* content) {
  const std::string_view quoted = quoted_words(message, self);
  if (quoted.empty()) return;
  content->set_quoted(first_letters(quoted, kQuotedCharactersMax));
  content->set_quoted_name(quoted_name(message));
}

}  // namespace daybook::telegram
