import CKernels

/// Sums of vectors over a whole stream, cut into buckets whose sizes are powers of two: fine for what
/// came lately, coarse for what is long ago, so that every split of the stream can be tried at little
/// cost.
///
/// At most ``perSize`` buckets of each size; one more, and the two oldest of that size become one of the next (as in
/// Datar, Gionis, Indyk, Motwani, "Maintaining stream statistics over sliding windows", 2002, but
/// nothing is ever forgotten). So a split at age a is off by at most about a / perSize.
///
/// Memory: 8 · d bytes a bucket, at most perSize · log₂(n / perSize) of them. Cost: O(d) amortised for an
/// update, O(d · buckets) for a scan. Sums are exact to rounding.
package struct DyadicSums: Sendable, Equatable {
  /// Numbers in a vector.
  package let dimensions: Int
  /// Buckets of one size that are kept.
  package static let perSize = 5
  /// Sizes that a state may have: 2^48 vectors are 9 years at a million a second.
  static let maximumSizes = 48
  /// And so the splits that a scan goes through.
  package static let maximumBuckets = maximumSizes * perSize

  /// Vectors taken.
  package private(set) var count = 0
  /// Of all vectors.
  package private(set) var total: [Double]
  /// Of each size `perSize + 1` places of `dimensions` numbers, used as a ring.
  private var sums: [Double] = []
  private var first: [Int] = []
  private var held: [Int] = []

  /// - Precondition: at least one dimension.
  package init(dimensions: Int) {
    precondition(dimensions > 0)
    self.dimensions = dimensions
    total = [Double](repeating: 0, count: dimensions)
  }

  /// Forgets everything; keeps the memory.
  package mutating func reset() {
    count = 0
    for index in total.indices { total[index] = 0 }
    for size in held.indices { (first[size], held[size]) = (0, 0) }
  }

  private static var places: Int { perSize + 1 }

  /// Where the bucket stands that is the `age`-th newest of its size.
  private func offset(size: Int, age: Int) -> Int {
    (size * Self.places + (first[size] + held[size] - 1 - age) % Self.places) * dimensions
  }

  /// Takes a vector of ``dimensions`` numbers.
  package mutating func append(_ vector: UnsafeBufferPointer<Double>) {
    precondition(vector.count == dimensions)
    count += 1
    for index in 0..<dimensions { total[index] += vector[index] }
    let place = room(in: 0)
    for index in 0..<dimensions { sums[place + index] = vector[index] }
    var size = 0
    while held[size] > Self.perSize {
      let oldest = offset(size: size, age: held[size] - 1)
      let next = offset(size: size, age: held[size] - 2)
      first[size] = (first[size] + 2) % Self.places
      held[size] -= 2
      let merged = room(in: size + 1)
      for index in 0..<dimensions { sums[merged + index] = sums[oldest + index] + sums[next + index] }
      size += 1
    }
  }

  /// Takes a vector; for small ones.
  package mutating func append(_ vector: [Double]) { vector.withUnsafeBufferPointer { append($0) } }

  /// Makes one more place in a size and says where it is.
  private mutating func room(in size: Int) -> Int {
    ensure(size)
    held[size] += 1
    return offset(size: size, age: 0)
  }

  /// Goes through the splits from the newest to the oldest.
  ///
  /// - Parameter body: is given how many vectors are in the later part and their sums, which are valid
  ///   for that call alone; the earlier part is ``total`` less that. Returns whether to go on.
  package func scan(_ body: (_ later: Int, _ sums: UnsafeBufferPointer<Double>) -> Bool) {
    guard count > 0 else { return }
    withUnsafeTemporaryAllocation(of: Double.self, capacity: dimensions) { suffix in
      suffix.initialize(repeating: 0)
      var later = 0
      sums.withUnsafeBufferPointer { sums in
        for size in held.indices {
          for age in 0..<held[size] {
            let place = offset(size: size, age: age)
            if dimensions < 8 {
              for index in 0..<dimensions { suffix[index] += sums[place + index] }
            } else {
              tidemark_add(suffix.baseAddress!, sums.baseAddress! + place, dimensions)
            }
            later += 1 << size
            // The oldest bucket of all leaves nothing before it.
            if later >= count || !body(later, UnsafeBufferPointer(suffix)) { return }
          }
        }
      }
    }
  }

  /// The whole as a list of numbers, for ``init(dimensions:state:)``.
  package var state: [Double] {
    var list = [Double(count)] + total
    for size in held.indices {
      list.append(Double(held[size]))
      for age in (0..<held[size]).reversed() {
        let place = offset(size: size, age: age)
        list += sums[place..<place + dimensions]
      }
    }
    return list
  }

  /// Nil when no sums of so many dimensions can have had this state.
  package init?(dimensions: Int, state: some Collection<Double>) {
    self.init(dimensions: dimensions)
    var rest = Array(state)[...]
    guard let count = rest.popFirst().flatMap({ Int(exactly: $0) }), count >= 0, rest.count >= dimensions
    else { return nil }
    self.count = count
    total = Array(rest.prefix(dimensions))
    rest = rest.dropFirst(dimensions)
    var size = 0
    var found = 0
    while let held = rest.popFirst() {
      guard let held = Int(exactly: held), (0...Self.perSize).contains(held), size < Self.maximumSizes,
        rest.count >= held * dimensions
      else { return nil }
      for _ in 0..<held {
        let place = room(in: size)
        for index in 0..<dimensions { sums[place + index] = rest[rest.startIndex + index] }
        rest = rest.dropFirst(dimensions)
      }
      if held == 0 { ensure(size) }
      found += held << size
      size += 1
    }
    guard found == count, total.allSatisfy(\.isFinite), sums.allSatisfy(\.isFinite) else { return nil }
  }

  private mutating func ensure(_ size: Int) {
    while held.count <= size {
      held.append(0)
      first.append(0)
      sums.append(contentsOf: repeatElement(0, count: Self.places * dimensions))
    }
  }
}
