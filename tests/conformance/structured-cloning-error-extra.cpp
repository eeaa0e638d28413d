// After html/infrastructure/safe-passing-of-structured-data/structured-cloning-error-extra.html and
// structured-cloning-error-stack-optional.sub.window.js; SEMANTICS 25.
#include "conformance/transports.hpp"

namespace fairway::test {
namespace {

class CloningErrors : public OverTransports {
 protected:
  Value there_and_back(const Value& value) {
    a.port().post_message(value);
    b.bounce();
    return a.next()->data();
  }
};

TEST_P(CloningErrors, a_name_of_ones_own_becomes_error) {
  EXPECT_EQ(there_and_back(Value::error("CustomError", "m")).error_name(), "Error");
  EXPECT_EQ(there_and_back(Value::error("", "m")).error_name(), "Error");
}

TEST_P(CloningErrors, the_stack_is_optional_and_so_is_the_message) {
  Value error = Value::error("TypeError", "m");
  EXPECT_FALSE(there_and_back(error).has("stack"));
  error.set("stack", "TypeError: m\n  at place");
  EXPECT_EQ(there_and_back(error)["stack"], Value("TypeError: m\n  at place"));
  error.remove("message");
  EXPECT_FALSE(there_and_back(error).has("message"));
  error.set("message", "");
  EXPECT_TRUE(there_and_back(error).has("message"));
}

TEST_P(CloningErrors, a_cause_of_undefined_is_a_cause) {
  Value error = Value::error("Error", "m");
  EXPECT_FALSE(there_and_back(error).has("cause"));
  error.set("cause", Value());
  EXPECT_TRUE(there_and_back(error).has("cause"));
}

FAIRWAY_OVER_TRANSPORTS(CloningErrors);

}  // namespace
}  // namespace fairway::test
