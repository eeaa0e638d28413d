#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/core/nvp.hpp>
#include <boost/mpl/bool.hpp>
#include <boost/serialization/access.hpp>
#include <boost/serialization/level.hpp>
#include <boost/serialization/serialization.hpp>
#include <boost/serialization/version.hpp>
#include <boost/serialization/wrapper.hpp>

#include <fairway/export.hpp>
#include <fairway/types.hpp>

namespace boost::serialization {
class collection_size_type;
class item_version_type;
class library_version_type;
template <class T>
class array_wrapper;
}  // namespace boost::serialization

namespace fairway {

class MessagePort;
class Value;

namespace detail {

/// The transfer list of a message that is being posted.
class Sending;
/// What has come with a message, beside its bytes.
struct Received {
  const Value* buffers = nullptr;             ///< an array; null: there are none
  std::vector<MessagePort>* ports = nullptr;  ///< null: they stay where they are
};

static_assert(std::endian::native == std::endian::little, "the archives copy numbers as they stand in memory");

/// How a T becomes bytes and comes back: `save(OutputArchive&, const T&)` and `load(InputArchive&, T&)`. This one
/// is for classes with Boost.Serialization's `serialize`; archive_types.hpp and archive_containers.hpp have the others.
template <class T>
struct Codec;

/// How deep objects may contain each other, where their type sets no limit.
inline constexpr unsigned max_depth = 128;

[[noreturn]] FAIRWAY_API void throw_damaged(std::string_view what);
[[noreturn]] FAIRWAY_API void throw_too_deep();

class Nesting {
 public:
  explicit Nesting(unsigned& depth) : depth_(depth) {
    if (depth_ == max_depth) throw_too_deep();
    ++depth_;
  }
  Nesting(const Nesting&) = delete;
  ~Nesting() { --depth_; }

 private:
  unsigned& depth_;
};

template <class T>
inline constexpr bool is_wrapper = boost::serialization::is_wrapper<T>::type::value;
template <class T>
inline constexpr bool is_wrapper<boost::serialization::nvp<T>> = true;
template <class T>
inline constexpr bool is_wrapper<boost::serialization::array_wrapper<T>> = true;

}  // namespace detail

/// Writes C++ objects as bytes (src/value/OBJECTS.md): a model of Boost's Saving Archive concept, so `serialize`
/// functions written for Boost.Serialization work with it. Values only: what points or is shared does not compile.
/// Not thread-safe; borrows the vector that it appends to.
class FAIRWAY_API OutputArchive {
 public:
  using is_saving = boost::mpl::true_;
  using is_loading = boost::mpl::false_;

  explicit OutputArchive(std::vector<std::byte>& out, detail::Sending* sending = nullptr) noexcept : out_(out), sending_(sending) {}
  OutputArchive(const OutputArchive&) = delete;

  /// Throws DOMException "DataCloneError" for an object that no InputArchive would read: nested too deep, or a
  /// std::variant without a value.
  template <class T>
  OutputArchive& operator<<(const T& value) {
    detail::Codec<T>::save(*this, value);
    return *this;
  }
  template <class T>
  OutputArchive& operator&(const T& value) {
    return *this << value;
  }

  void save_binary(const void* address, std::size_t size);
  void save_count(std::uint64_t count);
  std::size_t size() const noexcept { return out_.size(); }
  /// Null: nothing can leave with the object.
  detail::Sending* sending() const noexcept { return sending_; }

  template <class T>
  void register_type(const T* = nullptr) const noexcept {}
  template <class Version = boost::serialization::library_version_type>
  Version get_library_version() const {
    return Version(boost_archive_version);
  }

  static constexpr unsigned boost_archive_version = 19;

 private:
  template <class T>
  friend struct detail::Codec;

  std::vector<std::byte>& out_;
  detail::Sending* sending_;
  unsigned depth_ = 0;
};

/// Reads what an OutputArchive wrote: a model of Boost's Loading Archive concept that trusts no byte. Whatever is
/// wrong with them throws DOMException "DataCloneError"; the object is then half-read, and safe to destroy.
///
/// Memory: only what has been read is allocated. A container's element takes at least one byte, so n bytes make at
/// most n elements, each at the size of its C++ type; nothing more than 4 KiB a level is reserved ahead of them.
/// Not thread-safe; borrows the bytes, which must not change meanwhile.
class FAIRWAY_API InputArchive {
 public:
  using is_saving = boost::mpl::false_;
  using is_loading = boost::mpl::true_;

  explicit InputArchive(Bytes bytes, const detail::Received& received = {}) noexcept
      : rest_(bytes), size_(bytes.size()), received_(received) {}
  InputArchive(const InputArchive&) = delete;

  template <class T>
  InputArchive& operator>>(T& value) {
    using Plain = std::remove_const_t<T>;
    static_assert(!std::is_const_v<T> || detail::is_wrapper<Plain>, "fairway: a const object cannot be read into");
    detail::Codec<Plain>::load(*this, const_cast<Plain&>(value));
    return *this;
  }
  template <class T>
  InputArchive& operator&(T& value) {
    return *this >> value;
  }

  void load_binary(void* address, std::size_t size) {
    if (size > rest_.size()) throw_cut_off(size);
    if (size == 0) return;
    std::memcpy(address, rest_.data(), size);
    rest_ = rest_.subspan(size);
  }

  std::uint64_t load_varint();
  /// Of elements that take at least `element_size` bytes each: so many are there.
  std::size_t load_count(std::size_t element_size = 1);
  /// Of a container that Boost's own code reads, which believes it, and may mean buckets: all such counts together
  /// are at most the bytes of the message and 1024.
  std::size_t load_foreign_count();
  std::size_t remaining() const noexcept { return rest_.size(); }
  const detail::Received& received() const noexcept { return received_; }

  /// Accounts for steps along a hash table's chain, so that keys made to collide cost no more than their bytes allow.
  void charge_collisions(std::size_t steps);

  template <class T>
  void register_type(const T* = nullptr) const noexcept {}
  void reset_object_address(const void*, const void*) const noexcept {}
  void delete_created_pointers() const noexcept {}
  template <class Version = boost::serialization::library_version_type>
  Version get_library_version() const {
    return Version(OutputArchive::boost_archive_version);
  }

 private:
  template <class T>
  friend struct detail::Codec;

  [[noreturn]] void throw_cut_off(std::size_t wanted) const;

  Bytes rest_;
  std::size_t size_;
  detail::Received received_;
  std::size_t foreign_elements_ = 0;
  std::size_t collisions_ = 0;
  unsigned depth_ = 0;
};

namespace detail {

[[noreturn]] FAIRWAY_API void throw_newer_version(std::uint64_t version, unsigned known);

/// Room for one object that is being read: default-constructed, by way of boost::serialization::access where the
/// constructor is private. Large ones stand on the heap, so that nesting is bounded in stack as well.
template <class T>
class Slot {
 public:
  Slot() {
    if constexpr (large) storage_ = std::make_unique<Storage>();
  }
  T& operator*() noexcept {
    if constexpr (large)
      return storage_->value;
    else
      return storage_.value;
  }

 private:
  union Storage {
    Storage() {
      if constexpr (std::default_initializable<T>)
        ::new (static_cast<void*>(&value)) T();
      else
        boost::serialization::access::construct(&value);
    }
    Storage(const Storage&) = delete;
    ~Storage() { value.~T(); }
    T value;
  };
  static constexpr bool large = sizeof(T) > 256;

  std::conditional_t<large, std::unique_ptr<Storage>, Storage> storage_;
};

template <class T>
struct Codec {
  static_assert(!std::is_pointer_v<T>, "fairway: a raw pointer cannot be sent; send the value or a std::unique_ptr");
  static_assert(std::is_pointer_v<T> || std::is_class_v<T>, "fairway: this kind of type cannot be sent");

  static constexpr bool has_version =
      boost::serialization::implementation_level<T>::value >= boost::serialization::object_class_info;
  static constexpr unsigned version = boost::serialization::version<T>::value;

  static void save(OutputArchive& archive, const T& value) {
    if constexpr (std::is_class_v<T>) {
      const Nesting nesting(archive.depth_);
      if constexpr (has_version) archive.save_count(version);
      boost::serialization::serialize_adl(archive, const_cast<T&>(value), version);
    }
  }

  static void load(InputArchive& archive, T& value) {
    if constexpr (std::is_class_v<T>) {
      const Nesting nesting(archive.depth_);
      std::uint64_t saved_version = version;
      if constexpr (has_version) saved_version = archive.load_varint();
      if (saved_version > version) throw_newer_version(saved_version, version);
      boost::serialization::serialize_adl(archive, value, static_cast<unsigned>(saved_version));
    }
  }
};

}  // namespace detail

}  // namespace fairway
