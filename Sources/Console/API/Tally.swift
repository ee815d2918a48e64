/// A counter as it is told, cut to ``maximum``: a daemon's own saturate at 2^64 − 1, since what a peer claims to
/// have lost is counted, and sums of a few thousand of them must not overflow here.
@propertyWrapper
package struct Tally: Decodable, Sendable, Equatable {
  /// 2^50: more events than a daemon takes in 17 years at two million a second; 8,192 of them fit 63 bits.
  package static let maximum = 1 << 50

  package var wrappedValue: Int

  package init(wrappedValue: Int) { self.wrappedValue = wrappedValue }

  package init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer().decode(Double.self)
    wrappedValue = Int(bounded: value)
  }
}

/// Counters by word.
@propertyWrapper
package struct Tallies: Decodable, Sendable, Equatable {
  package var wrappedValue: [String: Int]

  package init(wrappedValue: [String: Int]) { self.wrappedValue = wrappedValue }

  package init(from decoder: any Decoder) throws {
    wrappedValue = try decoder.singleValueContainer().decode([String: Tally].self).mapValues(\.wrappedValue)
  }
}

extension Int {
  /// The whole part of a number, cut to ±``Tally/maximum``; 0 for what is none.
  init(bounded value: Double) {
    self = value.isNaN ? 0 : Int(Swift.min(Swift.max(value, -Double(Tally.maximum)), Double(Tally.maximum)))
  }
}
