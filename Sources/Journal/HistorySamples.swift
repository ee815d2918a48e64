/// How finely a stored sample tells its time.
package enum HistoryResolution: String, Sendable {
  case raw
  case minute
  case hour
}

/// A stored sample; of a minute or an hour, its time is the beginning.
package struct HistoryPoint<Sample: Sendable & Equatable>: Sendable, Equatable {
  package var resolution: HistoryResolution
  package var sample: Sample

  package init(_ sample: Sample, _ resolution: HistoryResolution) {
    self.sample = sample
    self.resolution = resolution
  }
}
