import TestSupport
import Testing

@testable import Statistics

/// Every format against doubles of the same values, at unaligned addresses, in blocks beside each other.
@Suite struct NumberFormatTests {
  private static func store(_ value: Double, _ format: NumberFormat, to bytes: inout [UInt8]) {
    func append(_ value: some Any) { withUnsafeBytes(of: value) { bytes += $0 } }
    switch format {
    case .float64: append(value)
    case .float32: append(Float(value))
    case .int64: append(Int64(value))
    case .int32: append(Int32(value))
    case .bool: append(value == 0 ? UInt8(0) : UInt8(Int.random(in: 1...255)))
    }
  }

  private static func draw(_ format: NumberFormat, _ random: inout SeededGenerator) -> Double {
    switch format {
    case .float64: Int.random(in: 0..<9, using: &random) == 0 ? .nan : random.normal()
    case .float32: Int.random(in: 0..<9, using: &random) == 0 ? .infinity : Double(Float(random.normal()))
    case .int64: Double(Int64.random(in: -(1 << 53)...1 << 53, using: &random))
    case .int32: Double(Int32.random(in: .min ... .max, using: &random))
    case .bool: Bool.random(using: &random) ? 1 : 0
    }
  }

  @Test(arguments: NumberFormat.allCases, [UInt64(1), 2, 3])
  func agreesWithDoubles(format: NumberFormat, seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    for round in 0..<60 {
      let columns = Int.random(in: 1...37, using: &random)
      let rows = Int.random(in: 1...50, using: &random)
      let shift = Int.random(in: 0...7, using: &random)
      let values = (0..<rows * columns).map { _ in Self.draw(format, &random) }
      var bytes = [UInt8](repeating: 0xff, count: shift)
      for value in values { Self.store(value, format, to: &bytes) }
      let context: Comment = "seed \(seed), round \(round): \(rows) × \(columns) of \(format)"
      let origin = (0..<columns).map { _ in random.normal() }
      var direct = ColumnMeans(origin: origin)
      direct.replace(with: values)
      var inPlace = ColumnMeans(origin: [7] + origin)
      var moments = ColumnMoments(columns: columns)
      var wanted = ColumnMoments(columns: columns)
      wanted.fold(values)
      bytes.withUnsafeBytes { bytes in
        let stored = UnsafeRawBufferPointer(rebasing: bytes[shift...])
        // Beside another block of one column.
        inPlace.fold(stored, format, rows: rows, columns: columns, at: 1)
        moments.fold(stored, format)
      }
      for column in 0..<columns {
        #expect(inPlace.present(in: column + 1) == direct.present(in: column), context)
        let (one, other) = (inPlace.distance(of: column + 1), direct.distance(of: column))
        #expect(one == other || one.isNaN && other.isNaN, context)
      }
      #expect(inPlace.present(in: 0) == 0, context)
      #expect("\(moments)" == "\(wanted)", context)
    }
  }

  @Test func momentsJoinSideBySide() {
    var random = SeededGenerator(seed: 4)
    let (left, right, rows) = (3, 9, 21)
    let values = (0..<rows * (left + right)).map { _ in random.normal() }
    func part(_ columns: Range<Int>) -> ColumnMoments {
      var moments = ColumnMoments(columns: columns.count)
      moments.fold((0..<rows).flatMap { row in columns.map { values[row * (left + right) + $0] } })
      return moments
    }
    var whole = ColumnMoments(columns: left + right)
    whole.fold(values)
    #expect(ColumnMoments(joining: [part(0..<left), part(left..<left + right)]) == whole)
  }
}
