import CKernels

/// For every column of a table of bins, the evidence that all since some start differs from the reference:
/// up to 12 starts, each with its counts and weight. Which starts there are is the detector's business.
///
/// With DM(C; α) = lnΓ(Σα) − lnΓ(Σα + ΣC) + Σ[lnΓ(α_j + C_j) − lnΓ(α_j)], the logarithm of a
/// Dirichlet-multinomial likelihood but for the count of orders: a batch C adds to a start's weight
/// DM(C; κp̂ + its counts) − DM(C; reference + ½ + what is learnt), where p̂ is the smoothed reference. Both
/// are differences of levels, so a batch costs one lnΓ a bin and start.
///
/// Memory: 1460 bytes a column. Cost: 0.4 µs a column and batch with wide vectors, 12 starts and 22 bins; no
/// allocation. Columns are independent of each other to the last bit.
package struct StartTable: Sendable, Equatable {
  /// Starts of a column at most.
  package static let capacity = TIDEMARK_STARTS
  /// Sums of counts above this are halved; see ``ReferenceBins/mostRows`` for a start's.
  package static let mostLearnt = Int(TIDEMARK_MOST_LEARNT)

  /// Rows of the reference for each row of κ, at least.
  package static let rowsPerStrength = 5.0

  private let settings: [Double]
  /// The storage of the bins, shared.
  private let reference: [UInt32]
  /// The levels before any count.
  private let startLevels: [Double]
  private let firstLearntLevels: [Double]
  private var learnt: [UInt32]
  private var learntLevels: [Double]
  private var counts: [UInt32]
  private var levels: [Double]
  private var weights: [Double]
  private var fresh: [UInt32]
  private var learns: [UInt32]
  private var outcomes: [Double]
  /// Counts since an alarm or the last look whether it is over.
  private var probation: [UInt32]

  /// - Parameters:
  ///   - dependence: by what each column's counts are divided as evidence, at least 1; see
  ///     ``LagCorrelation``.
  ///   - strength: κ, for how many rows the reference counts at a start, positive; at most a fifth of the
  ///     rows that the reference has, or a start would be surer of it than what is learnt, and at least 1.
  /// - Precondition: as many factors as columns.
  package init(_ bins: ColumnBins, dependence: [Double], strength: Double) {
    precondition(dependence.count == bins.columns && strength > 0)
    let (block, blocks) = (ColumnBins.block, bins.blocks)
    var settings = [Double](repeating: 0, count: blocks * TIDEMARK_SETTINGS * block)
    for column in 0..<bins.columns {
      let place = column / block * TIDEMARK_SETTINGS * block + column % block
      let rows = bins.referenceCounts(of: column).reduce(0.0) { $0 + Double($1) }
      settings[place + TIDEMARK_INVERSE * block] = 1 / max(1, dependence[column])
      settings[place + TIDEMARK_IN_USE * block] = Double(bins.binsInUse[column])
      settings[place + TIDEMARK_REFERENCE_ROWS * block] = rows
      settings[place + TIDEMARK_STRENGTH * block] =
        min(strength, max(1, rows / max(1, dependence[column]) / Self.rowsPerStrength))
    }
    self.settings = settings
    reference = bins.reference
    probation = [UInt32](repeating: 0, count: blocks * ColumnBins.table)
    learnt = [UInt32](repeating: 0, count: blocks * ColumnBins.table)
    counts = [UInt32](repeating: 0, count: blocks * ColumnBins.table * Self.capacity)
    let none = [Double](repeating: 0, count: blocks * block)
    (startLevels, firstLearntLevels) = Self.levels(
      learnt, settings: settings, reference: bins.reference)
    learntLevels = firstLearntLevels
    levels = [Double](repeating: 0, count: none.count * Self.capacity)
    weights = [Double](repeating: -.infinity, count: none.count * Self.capacity)
    fresh = [UInt32](repeating: .max, count: none.count)
    learns = [UInt32](repeating: 0, count: none.count)
    outcomes = [Double](repeating: 0, count: none.count * TIDEMARK_OUTCOMES)
  }

  /// The levels of a table of counts under the prior of a start and under that of what is learnt.
  private static func levels(
    _ counts: [UInt32], settings: [Double], reference: [UInt32]
  ) -> (starts: [Double], learnt: [Double]) {
    let blocks = counts.count / ColumnBins.table
    var starts = [Double](repeating: 0, count: blocks * ColumnBins.block)
    var learnt = starts
    if blocks > 0 {
      tidemark_start_levels(settings, reference, counts, blocks, &starts, &learnt)
    }
    return (starts, learnt)
  }

  private func place(_ column: Int, _ start: Int) -> Int {
    (column / ColumnBins.block * Self.capacity + start) * ColumnBins.block + column % ColumnBins.block
  }

  private func countPlace(_ column: Int, _ start: Int) -> Int {
    (column / ColumnBins.block * Self.capacity + start) * ColumnBins.table + column % ColumnBins.block
  }

  // MARK: Starts

  /// The logarithm of a start's weight; −∞ for one that is not there.
  package func weight(of start: Int, in column: Int) -> Double { weights[place(column, start)] }

  /// Lets `start` begin with the next batch, with weight 1 and no counts.
  package mutating func begin(_ start: Int, in column: Int) {
    fresh[column] = UInt32(start)
    levels[place(column, start)] = startLevels[column]
    weights[place(column, start)] = 0
  }

  /// Ends the lighter of two starts and gives the other its weight.
  ///
  /// - Returns: which is left; the first when they are equally heavy.
  package mutating func merge(_ first: Int, _ second: Int, in column: Int) -> Int {
    let (a, b) = (weight(of: first, in: column), weight(of: second, in: column))
    let (kept, ended) = a >= b ? (first, second) : (second, first)
    weights[place(column, kept)] = tidemark_log_add(a, b)
    weights[place(column, ended)] = -.infinity
    return kept
  }

  /// Whether the next batch of the column joins what is learnt.
  package mutating func setLearning(_ isLearning: Bool, in column: Int) {
    learns[column] = isLearning ? .max : 0
  }

  /// Ends all starts of a column and forgets what it has learnt.
  package mutating func reset(_ column: Int) {
    for start in 0..<Self.capacity { weights[place(column, start)] = -.infinity }
    let place = ColumnBins.place(of: column)
    for bin in 0..<ReferenceBins.capacity { learnt[place + bin * ColumnBins.block] = 0 }
    learntLevels[column] = firstLearntLevels[column]
  }

  // MARK: A batch

  /// What a batch says of a column.
  package struct Outcome: Sendable, Equatable {
    /// ln Σ of the weights; −∞ without a start.
    package let evidence: Double
    /// The heaviest start.
    package let heaviest: Int
    /// Rows since the heaviest start.
    package let rows: Double
    /// Their stability index against the reference.
    package let index: Double
  }

  /// Weighs every start of every column by the batch that `bins` has counted.
  ///
  /// - Precondition: `bins` is what the table was made of.
  package mutating func weigh(_ bins: ColumnBins) { weigh(bins, isNarrow: false) }

  /// - Parameter isNarrow: without wide instructions, to hold the others to.
  mutating func weigh(_ bins: ColumnBins, isNarrow: Bool) {
    precondition(bins.counts.count == learnt.count)
    guard bins.blocks > 0 else { return }
    bins.counts.withUnsafeBufferPointer { batch in
      withTable { table in
        table.batch = batch.baseAddress
        if isNarrow {
          tidemark_weigh_starts_narrow(table, bins.blocks)
        } else {
          tidemark_weigh_starts(table, bins.blocks)
        }
      }
    }
    for column in fresh.indices { fresh[column] = .max }
  }

  private mutating func withTable(_ body: (inout tidemark_starts) -> Void) {
    settings.withUnsafeBufferPointer { settings in
      reference.withUnsafeBufferPointer { reference in
        learnt.withUnsafeMutableBufferPointer { learnt in
          learntLevels.withUnsafeMutableBufferPointer { learntLevels in
            counts.withUnsafeMutableBufferPointer { counts in
              levels.withUnsafeMutableBufferPointer { levels in
                weights.withUnsafeMutableBufferPointer { weights in
                  fresh.withUnsafeBufferPointer { fresh in
                    learns.withUnsafeBufferPointer { learns in
                      outcomes.withUnsafeMutableBufferPointer { outcomes in
                        var table = tidemark_starts(
                          settings: settings.baseAddress, reference: reference.baseAddress, batch: nil,
                          learnt: learnt.baseAddress, learnt_levels: learntLevels.baseAddress,
                          counts: counts.baseAddress, levels: levels.baseAddress,
                          weights: weights.baseAddress, fresh: fresh.baseAddress, learns: learns.baseAddress,
                          outcomes: outcomes.baseAddress)
                        body(&table)
                      }
                    }
                  }
                }
              }
            }
          }
        }
      }
    }
  }

  package func outcome(of column: Int) -> Outcome {
    let (block, kinds) = (ColumnBins.block, TIDEMARK_OUTCOMES)
    let place = column / block * kinds * block + column % block
    return Outcome(
      evidence: outcomes[place + TIDEMARK_EVIDENCE * block],
      heaviest: Int(outcomes[place + TIDEMARK_HEAVIEST * block]),
      rows: outcomes[place + TIDEMARK_ROWS * block],
      index: outcomes[place + TIDEMARK_INDEX * block])
  }

  // MARK: How far from the reference

  /// The stability index of some rows against the reference, and how many they are.
  package struct Distance: Sendable, Equatable {
    package let index: Double
    package let rows: Double
  }

  private func distance(_ counts: [UInt32], at block: Int, in column: Int) -> Distance {
    counts.withUnsafeBufferPointer { counts in
      guard let base = counts.baseAddress else { return Distance(index: 0, rows: 0) }
      var rows = 0.0
      let index = tidemark_stability_index(settings, reference, column, base + block, &rows)
      return Distance(index: index, rows: rows)
    }
  }

  private func block(_ column: Int, _ start: Int) -> Int {
    countPlace(column, start) - column % ColumnBins.block
  }

  /// Of the rows since a start.
  package func distance(since start: Int, in column: Int) -> Distance {
    distance(counts, at: block(column, start), in: column)
  }

  /// Whether the column goes on moving away from the reference: the rows since `latest` against those from
  /// `later` to `latest`, by their mean of ln(q/p), q being the distribution since `start` and p the
  /// reference, in standard errors.
  ///
  /// - Precondition: `later` began after `start`, and `latest` after `later`.
  package func trend(since start: Int, later: Int, latest: Int, in column: Int) -> Double {
    counts.withUnsafeBufferPointer { counts in
      guard let base = counts.baseAddress else { return 0 }
      return tidemark_trend(
        settings, reference, column, base + block(column, start), base + block(column, later),
        base + block(column, latest))
    }
  }

  // MARK: Probation

  /// Adds the batch to the rows by which an alarm's end is told.
  ///
  /// - Returns: the distance of those rows so far.
  package mutating func prove(_ column: Int, _ bins: ColumnBins) -> Distance {
    let place = ColumnBins.place(of: column)
    for bin in 0..<ReferenceBins.capacity {
      // It wraps only beyond 2^32 rows in the few batches of a look.
      probation[place + bin * ColumnBins.block] &+= bins.counts[place + bin * ColumnBins.block]
    }
    return distance(probation, at: place - column % ColumnBins.block, in: column)
  }

  /// Forgets those rows.
  package mutating func endProbation(_ column: Int) {
    let place = ColumnBins.place(of: column)
    for bin in 0..<ReferenceBins.capacity { probation[place + bin * ColumnBins.block] = 0 }
  }

  // MARK: State

  package func binsInUse(of column: Int) -> Int {
    Int(setting(TIDEMARK_IN_USE, of: column))
  }

  /// Rows of the reference.
  package func referenceRows(of column: Int) -> Double {
    setting(TIDEMARK_REFERENCE_ROWS, of: column)
  }

  /// By what counts are divided as evidence.
  package func dependence(of column: Int) -> Double { 1 / setting(TIDEMARK_INVERSE, of: column) }

  private func setting(_ which: Int, of column: Int) -> Double {
    let (block, kinds) = (ColumnBins.block, TIDEMARK_SETTINGS)
    return settings[(column / block * kinds + which) * block + column % block]
  }

  /// Counts since a start.
  package func counts(since start: Int, in column: Int) -> [UInt32] {
    (0..<binsInUse(of: column)).map { counts[countPlace(column, start) + $0 * ColumnBins.block] }
  }

  /// Counts of all batches that were learnt.
  package func learntCounts(of column: Int) -> [UInt32] {
    ColumnBins.gather(learnt, column, binsInUse(of: column))
  }

  /// Counts of the probation.
  package func probationCounts(of column: Int) -> [UInt32] {
    ColumnBins.gather(probation, column, binsInUse(of: column))
  }

  /// One start as it was once.
  package struct Start: Sendable, Equatable {
    package let number: Int
    package let weight: Double
    package let counts: [UInt32]

    package init(number: Int, weight: Double, counts: [UInt32]) {
      (self.number, self.weight, self.counts) = (number, weight, counts)
    }
  }

  /// Sets a column to what it was once.
  ///
  /// - Returns: false, and nothing changes, for what no column can have been.
  package mutating func restore(
    _ column: Int, learnt: [UInt32], probation: [UInt32], starts: [Start]
  ) -> Bool {
    let used = binsInUse(of: column)
    func fits(_ counts: [UInt32], _ most: Int) -> Bool {
      counts.count == used && counts.reduce(0) { $0 + Int($1) } <= most
    }
    guard fits(learnt, Self.mostLearnt), fits(probation, Self.mostLearnt),
      Set(starts.map(\.number)).count == starts.count,
      starts.allSatisfy({ start in
        0..<Self.capacity ~= start.number && start.weight.isFinite
          && fits(start.counts, ReferenceBins.mostRows)
      })
    else { return false }
    reset(column)
    let block = ColumnBins.block
    let own = column / block * ColumnBins.table
    let reference = Array(self.reference[own..<own + ColumnBins.table])
    let wide = TIDEMARK_SETTINGS * block
    let settings = Array(self.settings[column / block * wide..<(column / block + 1) * wide])
    func levels(_ counts: [UInt32]) -> (Double, Double) {
      var table = [UInt32](repeating: 0, count: ColumnBins.table)
      for (bin, count) in counts.enumerated() { table[bin * block + column % block] = count }
      let levels = Self.levels(table, settings: settings, reference: reference)
      return (levels.starts[column % block], levels.learnt[column % block])
    }
    for (bin, count) in learnt.enumerated() {
      self.learnt[ColumnBins.place(of: column) + bin * block] = count
    }
    learntLevels[column] = levels(learnt).1
    for (bin, count) in probation.enumerated() {
      self.probation[ColumnBins.place(of: column) + bin * block] = count
    }
    for start in starts {
      for (bin, count) in start.counts.enumerated() {
        counts[countPlace(column, start.number) + bin * block] = count
      }
      weights[place(column, start.number)] = start.weight
      self.levels[place(column, start.number)] = levels(start.counts).0
    }
    return true
  }

  /// Bytes a column, of what the table keeps but for what it shares with the bins.
  package var bytesPerColumn: Int {
    let doubles =
      settings.count + startLevels.count + firstLearntLevels.count + learntLevels.count + levels.count
      + weights.count + outcomes.count
    let words = learnt.count + counts.count + fresh.count + learns.count + probation.count
    return (8 * doubles + 4 * words) / max(1, learntLevels.count)
  }
}
