package import Events

/// Dates and times as RFC 3339 writes them.
package enum RFC3339 {
  /// The instant, or nil when `text` is none, lacks an offset, or lies outside 1677 to 2262.
  ///
  /// Digits of a second beyond the ninth are dropped. A leap second is the second after it.
  package static func parse(_ text: String) -> Timestamp? {
    var text = text
    return text.withUTF8 { parse(UnsafeRawBufferPointer($0)) }
  }

  /// As ``parse(_:)-(String)``, from UTF-8 bytes.
  static func parse(_ text: UnsafeRawBufferPointer) -> Timestamp? {
    func number(_ start: Int, _ count: Int) -> Int? {
      var value = 0
      for index in start..<start + count {
        let digit = text[index] &- UInt8(ascii: "0")
        guard digit < 10 else { return nil }
        value = value * 10 + Int(digit)
      }
      return value
    }
    // YYYY-MM-DDTHH:MM:SSZ
    guard text.count >= 20, text[4] == UInt8(ascii: "-"), text[7] == UInt8(ascii: "-"),
      text[10] | 0x20 == UInt8(ascii: "t") || text[10] == 0x20, text[13] == UInt8(ascii: ":"),
      text[16] == UInt8(ascii: ":"),
      let year = number(0, 4), let month = number(5, 2), let day = number(8, 2),
      let hour = number(11, 2), let minute = number(14, 2), let second = number(17, 2),
      (1...12).contains(month), day >= 1, day <= daysIn(month: month, year: year), hour < 24, minute < 60,
      second <= 60
    else { return nil }

    var next = 19
    var nanoseconds = 0
    if text[next] == UInt8(ascii: ".") {
      next += 1
      let start = next
      var unit = 100_000_000
      while next < text.count, text[next] &- UInt8(ascii: "0") < 10 {
        nanoseconds += Int(text[next] &- UInt8(ascii: "0")) * unit
        unit /= 10
        next += 1
      }
      guard next > start else { return nil }
    }
    guard next < text.count else { return nil }
    var offset = 0
    switch text[next] {
    case UInt8(ascii: "Z"), UInt8(ascii: "z"):
      guard text.count == next + 1 else { return nil }
    case UInt8(ascii: "+"), UInt8(ascii: "-"):
      guard text.count == next + 6, text[next + 3] == UInt8(ascii: ":"), let hours = number(next + 1, 2),
        let minutes = number(next + 4, 2), hours < 24, minutes < 60
      else { return nil }
      offset = (hours * 60 + minutes) * 60 * (text[next] == UInt8(ascii: "-") ? -1 : 1)
    default: return nil
    }
    let seconds = (daysSinceEpoch(year, month, day) * 24 + hour) * 3600 + minute * 60 + second - offset
    let (scaled, overflow) = Int64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, carry) = scaled.addingReportingOverflow(Int64(nanoseconds))
    return overflow || carry ? nil : Timestamp(nanoseconds: sum)
  }

  /// Appends the instant in UTC, with as many digits of a second as it needs.
  package static func append(_ time: Timestamp, to text: inout [UInt8]) {
    let (seconds, nanoseconds) = floorDivide(time.nanoseconds, 1_000_000_000)
    let (days, secondOfDay) = floorDivide(seconds, 86_400)
    let (year, month, day) = civil(daysSinceEpoch: Int(days))
    func digits(_ value: Int, _ count: Int) {
      var unit = 1
      for _ in 1..<count { unit *= 10 }
      while unit > 0 {
        text.append(UInt8(ascii: "0") + UInt8(value / unit % 10))
        unit /= 10
      }
    }
    digits(year, 4)
    text.append(UInt8(ascii: "-"))
    digits(month, 2)
    text.append(UInt8(ascii: "-"))
    digits(day, 2)
    text.append(UInt8(ascii: "T"))
    digits(Int(secondOfDay) / 3600, 2)
    text.append(UInt8(ascii: ":"))
    digits(Int(secondOfDay) / 60 % 60, 2)
    text.append(UInt8(ascii: ":"))
    digits(Int(secondOfDay) % 60, 2)
    if nanoseconds != 0 {
      text.append(UInt8(ascii: "."))
      digits(Int(nanoseconds), 9)
      while text.last == UInt8(ascii: "0") { text.removeLast() }
    }
    text.append(UInt8(ascii: "Z"))
  }

  package static func string(_ time: Timestamp) -> String {
    var text: [UInt8] = []
    append(time, to: &text)
    return String(decoding: text, as: UTF8.self)
  }

  private static func floorDivide(_ value: Int64, _ divisor: Int64) -> (quotient: Int64, remainder: Int64) {
    let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
  }

  private static func daysIn(month: Int, year: Int) -> Int {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  /// Days from 1970-01-01 in the proleptic Gregorian calendar, by eras of 400 years that begin in
  /// March (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
  private static func daysSinceEpoch(_ year: Int, _ month: Int, _ day: Int) -> Int {
    let shifted = month <= 2 ? year - 1 : year
    let era = (shifted >= 0 ? shifted : shifted - 399) / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }

  private static func civil(daysSinceEpoch days: Int) -> (year: Int, month: Int, day: Int) {
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let month = monthFromMarch + (monthFromMarch < 10 ? 3 : -9)
    return (
      yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    )
  }
}
