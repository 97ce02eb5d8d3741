#include "lab/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "common/base/limits.h"
#include "common/base/money.h"

namespace lockstep::lab {
namespace {

constexpr std::size_t kSlugBytesMax = limits::kIdBytesMax - 4;  // room for "-999"

Status Invalid(std::string message) {
  return MakeError(StatusCode::kInvalidArgument, "VALUE_INVALID", std::move(message));
}

bool IsDigits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](char letter) { return letter >= '0' && letter <= '9'; });
}

// Letters with marks that menus in Latin script use, without their marks.
const std::map<std::string_view, std::string_view>& PlainLetters() {
  static const std::map<std::string_view, std::string_view> letters = {
      {"à", "a"}, {"á", "a"}, {"â", "a"},  {"ã", "a"},  {"ä", "a"}, {"å", "a"}, {"æ", "ae"},
      {"ç", "c"}, {"è", "e"}, {"é", "e"},  {"ê", "e"},  {"ë", "e"}, {"ì", "i"}, {"í", "i"},
      {"î", "i"}, {"ï", "i"}, {"ñ", "n"},  {"ò", "o"},  {"ó", "o"}, {"ô", "o"}, {"õ", "o"},
      {"ö", "o"}, {"ø", "o"}, {"œ", "oe"}, {"ß", "ss"}, {"ù", "u"}, {"ú", "u"}, {"û", "u"},
      {"ü", "u"}, {"ý", "y"}, {"À", "a"},  {"Á", "a"},  {"Â", "a"}, {"Ä", "a"}, {"Å", "a"},
      {"Ç", "c"}, {"È", "e"}, {"É", "e"},  {"Ê", "e"},  {"Ñ", "n"}, {"Ó", "o"}, {"Ö", "o"},
      {"Ø", "o"}, {"Ú", "u"}, {"Ü", "u"}};
  return letters;
}

}  // namespace

StatusOr<money::v1::Money> ParseMoney(std::string_view text, std::string_view currency_code) {
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  std::string decimals(point == std::string_view::npos ? "" : text.substr(point + 1));
  const bool sound = IsDigits(whole) && decimals.size() <= 9 &&
                     (point == std::string_view::npos || IsDigits(decimals));
  std::int64_t units = 0;
  if (!sound ||
      std::from_chars(whole.data(), whole.data() + whole.size(), units).ec != std::errc{} ||
      units > Money::kUnitsMax) {
    return Invalid(fmt::format("\"{}\" is no amount of money; write 4.95", text));
  }
  decimals.resize(9, '0');
  money::v1::Money money;
  money.set_currency_code(std::string(currency_code));
  money.set_units(units);
  money.set_nanos(std::stoi(decimals));
  return money;
}

std::int64_t TotalNanos(const money::v1::Money& money) {
  return money.units() * Money::kNanosPerUnit + money.nanos();
}

std::string MoneyText(const money::v1::Money& money) {
  return Money::FromTotalNanos(money.currency_code(), TotalNanos(money)).Text();
}

StatusOr<WallTime> ParseTillTime(std::string_view text) {
  constexpr std::string_view kAfterEach = "// :";  // day/month/year hour:minute
  std::array<int, 5> parts{};
  const char* place = text.data();
  const char* const end = text.data() + text.size();
  bool whole = true;
  for (std::size_t i = 0; i < parts.size() && whole; ++i) {
    const auto read = std::from_chars(place, end, parts[i]);
    const bool is_last = i == kAfterEach.size();
    whole = read.ec == std::errc{} &&
            (is_last ? read.ptr == end : read.ptr != end && *read.ptr == kAfterEach[i]);
    if (whole && !is_last) place = read.ptr + 1;
  }
  const std::chrono::year_month_day day{std::chrono::year(parts[2]),
                                        std::chrono::month(static_cast<unsigned>(parts[1])),
                                        std::chrono::day(static_cast<unsigned>(parts[0]))};
  if (!whole || !day.ok() || parts[3] < 0 || parts[3] > 23 || parts[4] < 0 || parts[4] > 59) {
    return Invalid(fmt::format("\"{}\" is no moment; write 31/12/2018 21:56 (day first)", text));
  }
  return WallTime(std::chrono::sys_days(day) + std::chrono::hours(parts[3]) +
                  std::chrono::minutes(parts[4]));
}

StatusOr<Duration> ParseDuration(std::string_view text, Duration most) {
  static const std::map<std::string_view, double> nanos_per_unit = {
      {"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto unit = nanos_per_unit.find(std::string_view(end, text.data() + text.size() - end));
  if (error != std::errc{} || unit == nanos_per_unit.end() || !(number >= 0)) {
    return Invalid(fmt::format("\"{}\" is no duration; write 80ms, 1.5s or 2m", text));
  }
  const double nanos = number * unit->second;
  if (nanos > static_cast<double>(most.count())) {
    return Invalid(fmt::format("\"{}\" is more than {} h, the most that is allowed", text,
                               std::chrono::duration_cast<std::chrono::hours>(most).count()));
  }
  return Duration(std::llround(nanos));
}

std::string Slug(std::string_view name) {
  std::string slug;
  for (std::size_t i = 0; i < name.size();) {
    std::string plain;
    const auto marked = PlainLetters().find(name.substr(i, 2));
    if (marked != PlainLetters().end()) {
      plain = marked->second;
      i += 2;
    } else {
      const char letter = name[i++];
      if (letter >= 'A' && letter <= 'Z') plain = static_cast<char>(letter - 'A' + 'a');
      if ((letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9')) plain = letter;
      if (letter == '\'') continue;  // "goat's" is goats
    }
    if (!plain.empty()) {
      slug += plain;
    } else if (!slug.empty() && slug.back() != '-') {
      slug += '-';
    }
  }
  if (slug.size() > kSlugBytesMax) slug.resize(kSlugBytesMax);
  while (!slug.empty() && slug.back() == '-') slug.pop_back();
  return slug.empty() ? fmt::format("item-{:08x}", StableHash(name) >> 32) : slug;
}

std::vector<std::string> UniqueSlugs(const std::vector<std::string>& names) {
  std::vector<std::size_t> order(names.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return names[a] < names[b]; });
  // Plain slugs first: "Naan 2" keeps naan-2 although a second "naan!" would like it.
  std::set<std::string> taken;
  std::vector<std::string> slugs(names.size());
  for (const std::size_t index : order) {
    std::string slug = Slug(names[index]);
    if (taken.insert(slug).second) slugs[index] = std::move(slug);
  }
  for (const std::size_t index : order) {
    for (int suffix = 2; slugs[index].empty(); ++suffix) {
      std::string slug = fmt::format("{}-{}", Slug(names[index]), suffix);
      if (taken.insert(slug).second) slugs[index] = std::move(slug);
    }
  }
  return slugs;
}

std::uint64_t StableHash(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char letter : text) {
    hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3;
  }
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111eb;
  return hash ^ (hash >> 31);
}

}  // namespace lockstep::lab
