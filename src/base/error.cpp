#include <fairway/error.hpp>

namespace fairway {

DOMException::DOMException(std::string_view name, std::string_view message) : name_(name) {
  what_.append(name).append(": ").append(message);
}

DOMException::~DOMException() = default;

namespace {

class Category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "fairway"; }

  std::string message(int code) const override {
    switch (static_cast<Errc>(code)) {
      case Errc::no_broker: return "no broker answers";
      case Errc::unknown_name: return "no context has that name";
      case Errc::name_taken: return "another context has that name";
      case Errc::denied: return "permission denied";
      case Errc::quota: return "a limit of the broker is reached";
      case Errc::version: return "the versions of the two sides do not fit";
    }
    return "unknown error " + std::to_string(code);
  }
};

}  // namespace

const std::error_category& error_category() noexcept {
  static const Category category;
  return category;
}

std::error_code make_error_code(Errc code) noexcept { return {static_cast<int>(code), error_category()}; }

}  // namespace fairway
