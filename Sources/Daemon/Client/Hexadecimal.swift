/// Bytes as text and back.
enum Hexadecimal {
  /// Two lower-case digits.
  static func digits(_ byte: UInt8) -> String {
    let text = String(byte, radix: 16)
    return byte < 16 ? "0" + text : text
  }

  /// The bytes of a text of digits, spaces allowed; nil for anything else, or an odd number of digits.
  static func bytes(_ text: some StringProtocol) -> [UInt8]? {
    let values = text.utf8.filter { $0 != 0x20 && $0 != 0x09 }.map {
      Character(Unicode.Scalar($0)).hexDigitValue
    }
    guard values.count % 2 == 0, !values.contains(nil) else { return nil }
    return stride(from: 0, to: values.count, by: 2).map { UInt8(values[$0]! << 4 | values[$0 + 1]!) }
  }
}
