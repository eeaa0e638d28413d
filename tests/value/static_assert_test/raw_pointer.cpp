// Must not compile: "fairway: a raw pointer cannot be sent".
#include <memory>
#include <vector>

#include <fairway/archive.hpp>

struct Message {
  int* member = nullptr;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& member;
  }
};

template <>
inline constexpr std::string_view fairway::type_key<Message> = "Message";

int main() {
  std::vector<std::byte> bytes;
  fairway::encode_object(Message{}, bytes);
  static_cast<void>(fairway::decode_object<Message>(bytes));
}
