import CKernels

/// The bins of a whole table of columns: bounds and counts of a reference, and the counts of a batch.
///
/// Laid out for the kernels: blocks of 8 columns, in a block bin after bin, the 8 columns of each side by
/// side. Memory: 160 bytes of bounds and 2 × 88 of counts a column. Cost: one pass, about 1.4 ns a value
/// with wide vectors, and no allocation.
package struct ColumnBins: Sendable, Equatable {
  package static let block = TIDEMARK_BLOCK
  static let table = ReferenceBins.capacity * block

  package let columns: Int
  /// Bins that each column uses, the missing one too.
  package let binsInUse: [UInt8]
  private let bounds: [Double]
  let reference: [UInt32]
  /// Counts of the batch.
  private(set) var counts: [UInt32]
  /// Rows counted since the last ``reset()``, in each column at most.
  private var rows = 0

  var blocks: Int { Self.blocks(of: columns) }
  static func blocks(of columns: Int) -> Int { (columns + block - 1) / block }

  /// The place of a column's first bin; its others follow every ``block`` elements.
  static func place(of column: Int) -> Int { column / block * table + column % block }

  package init(_ parts: [ReferenceBins]) {
    columns = parts.count
    binsInUse = parts.map { UInt8($0.counts.count) }
    let blocks = Self.blocks(of: columns)
    var bounds = [Double](repeating: .infinity, count: blocks * ReferenceBins.intervals * Self.block)
    var reference = [UInt32](repeating: 0, count: blocks * Self.table)
    for (column, part) in parts.enumerated() {
      let place = column / Self.block * ReferenceBins.intervals * Self.block + column % Self.block
      bounds[place] = -.infinity
      for (index, edge) in part.edges.enumerated() { bounds[place + (index + 1) * Self.block] = edge }
      for (bin, count) in part.counts.enumerated() {
        reference[Self.place(of: column) + bin * Self.block] = count
      }
    }
    (self.bounds, self.reference) = (bounds, reference)
    counts = [UInt32](repeating: 0, count: reference.count)
  }

  /// Forgets the batch.
  package mutating func reset() {
    rows = 0
    counts.withUnsafeMutableBufferPointer { $0.update(repeating: 0) }
  }

  /// Counts whole rows of a row-major matrix, which is some of the columns; several matrices may stand beside
  /// or below each other. Rows beyond ``ReferenceBins/mostRows`` are left out.
  ///
  /// - Parameters:
  ///   - values: read in place; they need no alignment.
  ///   - first: the column that the matrix's first one is.
  /// - Precondition: `values` holds rows × columns numbers, and `first + columns` are there.
  package mutating func count(
    _ values: UnsafeRawBufferPointer, _ format: NumberFormat, rows: Int, columns: Int, at first: Int = 0
  ) {
    precondition(
      values.count == rows * columns * format.size && first >= 0 && first + columns <= self.columns)
    let counted = min(rows, ReferenceBins.mostRows - self.rows)
    guard columns > 0, counted > 0, let start = values.baseAddress else { return }
    // Matrices beside each other are the same rows: the most that any column can have had.
    if first + columns == self.columns { self.rows += counted }
    counts.withUnsafeMutableBufferPointer { counts in
      bounds.withUnsafeBufferPointer { bounds in
        guard let bounds = bounds.baseAddress, let counts = counts.baseAddress else { return }
        tidemark_count_bins(start, format.kernel, counted, columns, first, bounds, counts)
      }
    }
  }

  /// Replaces the counts of one column, as for categories. Counts that sum to more than
  /// ``ReferenceBins/mostRows`` are halved until they do not.
  ///
  /// - Precondition: as many as the column's bins.
  package mutating func replaceCounts(of column: Int, with new: [UInt32]) {
    precondition(new.count == Int(binsInUse[column]))
    var (shift, sum) = (0, new.reduce(0) { $0 + Int($1) })
    while sum >> shift > ReferenceBins.mostRows { shift += 1 }
    sum = Self.place(of: column)
    for bin in new.indices { counts[sum + bin * Self.block] = new[bin] >> UInt32(shift) }
  }

  /// The batch's counts in one column, missing first.
  package func counts(of column: Int) -> [UInt32] { Self.gather(counts, column, Int(binsInUse[column])) }

  /// The batch's rows in one bin of a column, the missing being bin 0; and all of its rows.
  package func rows(of column: Int, in bin: Int) -> (own: UInt32, all: Int) {
    let place = Self.place(of: column)
    var all = 0
    for other in 0..<Int(binsInUse[column]) { all += Int(counts[place + other * Self.block]) }
    return (bin < Int(binsInUse[column]) ? counts[place + bin * Self.block] : 0, all)
  }

  /// The reference's counts in one column, missing first.
  package func referenceCounts(of column: Int) -> [UInt32] {
    Self.gather(reference, column, Int(binsInUse[column]))
  }

  static func gather(_ table: [UInt32], _ column: Int, _ bins: Int) -> [UInt32] {
    (0..<bins).map { table[place(of: column) + $0 * block] }
  }

  /// What the stability index of two samples of one population is on average: (K − 1)(1/n + 1/N) for
  /// K bins and n and N independent rows. Smoothing makes small samples' a little less.
  package static func expectedIndex(bins: Int, rows: Double, referenceRows: Double) -> Double {
    Double(bins - 1) * (1 / rows + 1 / referenceRows)
  }
}

extension ColumnBins {
  /// Whether the batch has no row in a column.
  package func isEmpty(_ column: Int) -> Bool {
    let place = Self.place(of: column)
    for bin in 0..<Int(binsInUse[column]) where counts[place + bin * Self.block] > 0 { return false }
    return true
  }

  /// Bytes a column, of what the table keeps.
  package var bytesPerColumn: Int {
    (8 * bounds.count + 4 * (reference.count + counts.count)) / max(1, blocks * Self.block) + 1
  }
}
