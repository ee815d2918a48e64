import CKernels

/// One column of a reference, cut into bins: where a batch's values fall is what detectors of shape compare.
///
/// Bin 0 holds what is missing. A column of numbers has 1 to 20 bins more, bin j holding what is at least
/// edge j − 1 and below edge j; a column of categories has what the caller counts in them. Memory: the
/// edges and counts, at most 19 × 8 + 22 × 4 bytes.
package struct ReferenceBins: Sendable, Equatable {
  /// Bins of a column at most: missing and 20 of numbers, or missing, other and 20 categories.
  package static let capacity = TIDEMARK_BINS
  /// Bins of numbers at most, without the missing.
  package static let intervals = TIDEMARK_BOUNDS
  /// Rows counted at most; of a batch too.
  package static let mostRows = TIDEMARK_MOST_SINCE_START

  /// Ascending, finite; empty for categories.
  package let edges: [Double]
  /// Rows of the reference in each bin, missing first.
  package private(set) var counts: [UInt32]

  /// What was counted elsewhere, or once; nil when it is no reference: edges that do not ascend, more bins
  /// than there can be, counts that do not fit the edges or sum to more than ``mostRows``.
  package init?(edges: [Double], counts: [UInt32]) {
    guard edges.count < Self.intervals, counts.count == edges.count + 2, edges.allSatisfy(\.isFinite),
      zip(edges, edges.dropFirst()).allSatisfy({ $0 < $1 }), Self.isCountable(counts)
    else { return nil }
    (self.edges, self.counts) = (edges, counts)
  }

  /// Of a column of categories: the missing first, then as the caller has them, one of which should be for
  /// what is none of the others. Nil for fewer than 2 bins, more than 22, or too many rows.
  package init?(categories counts: [UInt32]) {
    guard 2...Self.capacity ~= counts.count, Self.isCountable(counts) else { return nil }
    (edges, self.counts) = ([], counts)
  }

  private static func isCountable(_ counts: [UInt32]) -> Bool {
    counts.reduce(0) { $0 + Int($1) } <= mostRows
  }

  /// Edges and counts of a sample, in any order; what is not finite is missing.
  ///
  /// Cost: a sort. Rows beyond ``mostRows`` are left out.
  package init(sample: [Double]) {
    let present = sample.prefix(Self.mostRows).filter(\.isFinite).sorted()
    edges = Self.edges(ofSorted: present)
    counts = Self.counts(ofSorted: present, between: edges)
    counts[0] = UInt32(min(sample.count, Self.mostRows) - present.count)
  }

  /// The columns of a row-major matrix, each as ``init(sample:)`` has it.
  ///
  /// Cost: a sort of each column. Memory: 512 bytes a row beside the result.
  /// - Precondition: `values` holds whole rows of this many columns.
  package static func columns(
    of values: UnsafeRawBufferPointer, _ format: NumberFormat, columns: Int
  ) -> [ReferenceBins] {
    guard columns > 0 else { return [] }
    let stride = columns * format.size
    precondition(values.count % stride == 0)
    let rows = values.count / stride
    var result: [ReferenceBins] = []
    result.reserveCapacity(columns)
    // A cache line's worth and more of each row at a time.
    let widest = 64
    var widened = [Double](repeating: 0, count: rows * widest)
    for first in Swift.stride(from: 0, to: columns, by: widest) {
      let width = min(widest, columns - first)
      widened.withUnsafeMutableBufferPointer { widened in
        guard let out = widened.baseAddress, let base = values.baseAddress else { return }
        for row in 0..<rows {
          let from = base + row * stride + first * format.size
          tidemark_widen(from, format.kernel, width, out + row * widest)
        }
      }
      for column in 0..<width {
        result.append(ReferenceBins(sample: (0..<rows).map { widened[$0 * widest + column] }))
      }
    }
    return result
  }

  /// Where to cut a sorted sample of finite numbers: at most 19 ascending edges.
  ///
  /// - More than 20 distinct values: 20 bins that are equally likely. A value that spans several of these
  ///   quantiles gets a bin of its own, so that a constant column has its constant in one and all else,
  ///   however near, in others.
  /// - 10 to 20 distinct values, or fewer that do not repeat: a bin each, cut half-way between them.
  /// - 1 to 9 that repeat: a bin each, and one for what lies between each two and beyond the outer.
  package static func edges(ofSorted sample: [Double]) -> [Double] {
    var distinct: [Double] = []
    for value in sample where value != distinct.last {
      distinct.append(value)
      if distinct.count > intervals { return quantiles(ofSorted: sample) }
    }
    if 2 * distinct.count < intervals, sample.count >= 2 * distinct.count {
      return distinct.reduce(into: []) { $0.cut(around: $1) }
    }
    return zip(distinct, distinct.dropFirst()).map { low, high in
      // Halves first: the sum of two large numbers is infinite.
      let middle = low / 2 + high / 2
      return low < middle && middle < high ? middle : high
    }
  }

  private static func quantiles(ofSorted sample: [Double]) -> [Double] {
    var edges: [Double] = []
    var index = 1
    while index < intervals {
      let value = sample[index * sample.count / intervals]
      var next = index + 1
      while next < intervals, sample[next * sample.count / intervals] == value { next += 1 }
      // Two edges only where two quantiles are one value: never more than 19.
      if next - index > 1 { edges.cut(around: value) } else { edges.cut(at: value) }
      index = next
    }
    return edges
  }

  private static func counts(ofSorted sample: [Double], between edges: [Double]) -> [UInt32] {
    var counts = [UInt32](repeating: 0, count: edges.count + 2)
    var bin = 0
    for value in sample {
      while bin < edges.count, value >= edges[bin] { bin += 1 }
      counts[bin + 1] += 1
    }
    return counts
  }

  /// Counts of other rows between the same edges: what a learned baseline becomes.
  ///
  /// - Returns: nil when they are not as many as the bins, or too many rows.
  package func counting(_ counts: [UInt32]) -> ReferenceBins? {
    guard counts.count == self.counts.count, Self.isCountable(counts) else { return nil }
    var result = self
    result.counts = counts
    return result
  }

  /// The bins that values fall into; for tests and single columns. Tables of columns have
  /// ``ColumnBins/count(_:_:rows:columns:at:)``.
  package func count(_ values: [Double]) -> [UInt32] {
    var counts = [UInt32](repeating: 0, count: self.counts.count)
    for value in values.prefix(Self.mostRows) {
      counts[value.isFinite ? 1 + edges.count { value >= $0 } : 0] += 1
    }
    return counts
  }

  /// Rows of the reference.
  package var rows: Int { counts.reduce(0) { $0 + Int($1) } }

  /// The distance of a batch's distribution from the reference's (W₁, the area between their distribution
  /// functions) in the reference's interquartile range, both from bins alone: values are taken to lie
  /// evenly between edges, and what is beyond the outer edges at them, so a shift far beyond is
  /// understated. NaN with fewer than 2 edges, without rows, or with no range.
  ///
  /// - Precondition: as many counts as bins.
  package func distance(of batch: [UInt32]) -> Double {
    precondition(batch.count == counts.count)
    let rows = counts.dropFirst().reduce(0.0) { $0 + Double($1) }
    let batchRows = batch.dropFirst().reduce(0.0) { $0 + Double($1) }
    guard edges.count >= 2, rows > 0, batchRows > 0 else { return .nan }
    var area = 0.0
    var (before, gap) = (Double(counts[1]) / rows, Double(batch[1]) / batchRows - Double(counts[1]) / rows)
    var quartiles = (before >= 0.25 ? edges[0] : nil, before >= 0.75 ? edges[0] : nil) as (Double?, Double?)
    for index in 1..<edges.count {
      let (low, width) = (edges[index - 1], edges[index] - edges[index - 1])
      let own = Double(counts[index + 1]) / rows
      let next = gap + Double(batch[index + 1]) / batchRows - own
      // The gap runs in a straight line from one edge to the next, through zero where its sign changes.
      let (left, right) = (abs(gap), abs(next))
      let share = gap * next < 0 ? (left * left + right * right) / (left + right) : left + right
      area += width * share / 2
      if quartiles.0 == nil, before + own >= 0.25 { quartiles.0 = low + width * (0.25 - before) / own }
      if quartiles.1 == nil, before + own >= 0.75 { quartiles.1 = low + width * (0.75 - before) / own }
      before += own
      gap = next
    }
    let last = edges[edges.count - 1]
    let range = (quartiles.1 ?? last) - (quartiles.0 ?? last)
    return range > 0 ? area / range : .nan
  }
}

extension [Double] {
  /// Adds an edge that ascends.
  fileprivate mutating func cut(at edge: Double) {
    if edge.isFinite, last.map({ $0 < edge }) ?? true { append(edge) }
  }

  /// Gives one value a bin of its own.
  fileprivate mutating func cut(around value: Double) {
    cut(at: value)
    cut(at: value.nextUp)
  }
}
