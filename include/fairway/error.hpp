#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <system_error>

#include <fairway/export.hpp>

namespace fairway {

/// What the web's standards throw, under its standard name: "DataCloneError", "InvalidStateError",
/// "QuotaExceededError", "RangeError", "SyntaxError".
class FAIRWAY_API DOMException : public std::exception {
 public:
  DOMException(std::string_view name, std::string_view message);
  ~DOMException() override;

  std::string_view name() const noexcept { return name_; }
  /// "<name>: <message>", one line that says what was wrong and what to do.
  const char* what() const noexcept override { return what_.c_str(); }

 private:
  std::string name_;
  std::string what_;
};

/// What the broker or the way to it can refuse; thrown as `std::system_error` in `error_category()`.
enum class Errc {
  no_broker = 1,  ///< none answers and none could be started, or none answered within `broker_timeout`
  unknown_name,   ///< no context has joined under that name
  name_taken,     ///< another context has that name
  denied,         ///< the broker's policy, or the kernel, does not let us
  quota,          ///< a limit of the broker is reached; the message names it
  version,        ///< the two sides have no protocol or layout version in common
};

FAIRWAY_API const std::error_category& error_category() noexcept;
FAIRWAY_API std::error_code make_error_code(Errc code) noexcept;

}  // namespace fairway
/// @cond
template <>
struct std::is_error_code_enum<fairway::Errc> : std::true_type {};
/// @endcond
