import Statistics

/// Which starts a table's columns have: on a dyadic grid, so that 12 of them reach back for ever.
///
/// Each start stands for as many batches as it could have begun with: 1 for a new one. Before a batch
/// begins its own start, of three starts of one size the two oldest are merged into one of double the
/// size; and when all 12 places are taken, the two oldest of all. So the latest 3 + 4 + 8 + 16 + 32
/// batches are covered by starts at most as wide as they are old, and the oldest start stands for all
/// before. A merged start keeps the sum of both weights and the counts of the heavier.
///
/// Memory: 69 bytes a column. Cost: one merge a batch on average.
struct StartCalendar: Sendable, Equatable {
  /// How many starts of one size there may be before a batch: the third merges two.
  static let mostOfOneSize = 2

  /// Places of starts in the table, 4 bits each, the oldest in the lowest; and the logarithm of a start's
  /// size, by its place.
  private var orders: [UInt64]
  private var sizes: [UInt64]
  private var counts: [UInt8]
  /// By column and place: the batch that a start began with.
  private var begins: [UInt32]
  /// Batches of each column so far; those without rows are none, but are counted.
  private(set) var batches: [UInt32]

  init(columns: Int) {
    orders = [UInt64](repeating: 0, count: columns)
    sizes = orders
    counts = [UInt8](repeating: 0, count: columns)
    begins = [UInt32](repeating: 0, count: columns * StartTable.capacity)
    batches = [UInt32](repeating: 0, count: columns)
  }

  var bytesPerColumn: Int { 8 + 8 + 1 + 4 * StartTable.capacity + 4 }

  func count(in column: Int) -> Int { Int(counts[column]) }

  /// The place of the start at `index`, the oldest being at 0.
  func start(_ index: Int, in column: Int) -> Int { Int(orders[column] >> UInt64(4 * index) & 15) }

  func begin(of start: Int, in column: Int) -> Int { Int(begins[column * StartTable.capacity + start]) }

  func size(of start: Int, in column: Int) -> Int { Int(sizes[column] >> UInt64(4 * start) & 15) }

  private mutating func setSize(_ size: Int, of start: Int, in column: Int) {
    sizes[column] &= ~(15 << UInt64(4 * start))
    sizes[column] |= UInt64(min(size, 15)) << UInt64(4 * start)
  }

  /// Counts a batch that is not weighed.
  mutating func skip(_ column: Int) { batches[column] &+= 1 }

  /// Makes room, and lets a start begin with the next batch.
  mutating func advance(_ column: Int, _ table: inout StartTable) {
    var (last, size) = (count(in: column), 0)
    while true {
      var first = last
      while first > 0, self.size(of: start(first - 1, in: column), in: column) == size { first -= 1 }
      guard last - first > Self.mostOfOneSize else { break }
      merge(at: first, in: column, &table)
      (last, size) = (first + 1, size + 1)
    }
    if count(in: column) == StartTable.capacity { merge(at: 0, in: column, &table) }
    append(free(in: column), size: 0, begin: batches[column], in: column)
    table.begin(start(count(in: column) - 1, in: column), in: column)
    batches[column] &+= 1
  }

  /// Merges the start at `index` with the next one.
  private mutating func merge(at index: Int, in column: Int, _ table: inout StartTable) {
    let (older, newer) = (start(index, in: column), start(index + 1, in: column))
    let (size, other) = (size(of: older, in: column), self.size(of: newer, in: column))
    let kept = table.merge(older, newer, in: column)
    setSize(size == other ? size + 1 : size, of: kept, in: column)
    let low = orders[column] & ((1 << UInt64(4 * index)) - 1)
    let high = orders[column] >> UInt64(4 * (index + 2))
    orders[column] = low | UInt64(kept) << UInt64(4 * index) | high << UInt64(4 * (index + 1))
    counts[column] -= 1
  }

  private func free(in column: Int) -> Int {
    let taken = (0..<count(in: column)).reduce(0) { $0 | 1 << start($1, in: column) }
    return (~taken).trailingZeroBitCount
  }

  /// Ends all starts; batches go on being counted.
  mutating func reset(_ column: Int) { (orders[column], sizes[column], counts[column]) = (0, 0, 0) }

  private mutating func append(_ start: Int, size: Int, begin: UInt32, in column: Int) {
    orders[column] |= UInt64(start) << UInt64(4 * counts[column])
    counts[column] += 1
    setSize(size, of: start, in: column)
    begins[column * StartTable.capacity + start] = begin
  }

  /// A start, as a state has it.
  struct Entry: Equatable {
    let start: Int
    let size: Int
    let begin: UInt32
  }

  /// Oldest first.
  func entries(of column: Int) -> [Entry] {
    (0..<count(in: column)).map { index in
      let start = start(index, in: column)
      return Entry(
        start: start, size: size(of: start, in: column),
        begin: begins[column * StartTable.capacity + start])
    }
  }

  /// Sets a column to what it was once.
  ///
  /// - Returns: false, and nothing changes, for what no column can have been.
  mutating func restore(_ column: Int, batches: UInt32, _ entries: [Entry]) -> Bool {
    guard entries.count <= StartTable.capacity, Set(entries.map(\.start)).count == entries.count,
      entries.allSatisfy({ 0..<StartTable.capacity ~= $0.start && 0...15 ~= $0.size && $0.begin < batches }),
      zip(entries, entries.dropFirst()).allSatisfy({ $0.begin < $1.begin && $0.size >= $1.size })
    else { return false }
    reset(column)
    self.batches[column] = batches
    for entry in entries { append(entry.start, size: entry.size, begin: entry.begin, in: column) }
    return true
  }
}
