import Foundation
import TestSupport
import Testing

/// What `make_sketches.py` draws, and the answers it wrote.
enum SketchCases {
  static func part(_ name: String) throws -> [JSON] {
    try golden()[name].list
  }

  static func golden() throws -> JSON {
    let data = try Data(contentsOf: Golden.folder.appendingPathComponent("sketches.json"))
    return try JSONDecoder().decode(JSON.self, from: data)
  }

  /// The values of one case.
  static func drawn(_ golden: JSON) throws -> [Double] {
    let kind = try #require(golden["kind"].text)
    return try drawn(kind, seed: UInt64(golden.whole("seed")), count: golden.whole("n"))
  }

  static func drawn(_ kind: String, seed: UInt64, count: Int) throws -> [Double] {
    let shape: (Double) -> Double =
      switch kind {
      case "uniform": { $0 }
      case "heavy": { $0 / (1 - $0) }
      case "signed": { ($0 - 0.5) / ($0 * (1 - $0) + 1e-12) }
      case "steps": { ($0 * 10).rounded(.down) }
      case "offset": { 1e9 + $0 }
      default: { (1 / (1 - $0)).rounded(.down) }
      }
    try #require(["uniform", "heavy", "signed", "steps", "offset", "zipf"].contains(kind))
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { _ in shape(Double(random.next() >> 11) * 0x1p-53) }
  }

  /// What is no summary's state, whatever the summary: cut short, made longer, not whole.
  static func broken(_ state: [Double]) -> [[Double]] {
    (0..<state.count).map { Array(state.prefix($0)) } + [
      state + [0], state + [1], [.nan] + state.dropFirst(),
    ]
  }

  /// States with some numbers changed, and numbers that never were a state. Some may pass for one.
  static func garbled(_ state: [Double], seed: UInt64, count: Int) -> [[Double]] {
    var random = SeededGenerator(seed: seed)
    let odd: [Double] = [
      .nan, .infinity, -.infinity, -1, 0, 0.5, 1, 2, 3, 7, 64, 255, 4096, 0x1p32, 0x1p48, 0x1p53, 0x1p54,
      0x1p63, 0x1p64, 1e300, -1e300, Double.leastNonzeroMagnitude,
    ]
    return (0..<count).map { round in
      var garbled =
        round % 4 == 0
        ? (0..<Int.random(in: 0...40, using: &random)).map { _ in Double(random.next() % 100) } : state
      for _ in 0..<Int.random(in: 1...4, using: &random) where !garbled.isEmpty {
        // Most damage to the front, where the lengths are.
        let reach = Bool.random(using: &random) ? min(12, garbled.count) : garbled.count
        garbled[Int.random(in: 0..<reach, using: &random)] = odd.randomElement(using: &random) ?? 0
      }
      return garbled
    }
  }
}

extension JSON {
  /// A number that the case must have.
  func value(_ key: String) throws -> Double { try #require(self[key].number) }
  func whole(_ key: String) throws -> Int { try #require(Int(exactly: value(key))) }
  /// 64 bits, written in hexadecimal digits.
  func bits(_ key: String) throws -> UInt64 {
    let digits = try #require(self[key].text)
    return try #require(UInt64(digits, radix: 16))
  }
  func numbers(_ key: String) -> [Double?] { self[key].list.map(\.number) }
}
