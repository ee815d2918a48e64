import Detection
import Statistics
import TestSupport
import Testing

/// The detectors of preset `standard` against implementations in Python that share nothing with them.
@Suite struct GoldenDetectorTests {
  private func check(_ verdict: Verdict, _ want: JSON, _ place: String) {
    #expect(agree(verdict.score, want["score"].number), "\(place): score \(verdict.score)")
    #expect(verdict.change?.index == want["change"].number.map { Int($0) }, "\(place): change")
    #expect((verdict.change?.kind == .gradual) == want["gradual"].flag, "\(place): kind")
    #expect(verdict.count == want["count"].number.map { Int($0) }, "\(place): count \(verdict.count)")
    let effect = verdict.effect?.value ?? .nan
    // The difference of two rates: 1e-9 of the rates, not of what is left.
    #expect(abs(effect - (want["effect"].number ?? .nan)) < 1e-9, "\(place): effect \(effect)")
    #expect(verdict.isDrifted == want["drifted"].flag, "\(place): drifted")
  }

  /// Holds the verdicts of a stream to those of its steps that were written down.
  private func check(
    _ golden: JSON, count: Int, _ observe: (Int) -> Verdict
  ) {
    var wanted: [Int: JSON] = [:]
    for step in golden["steps"].list { wanted[Int(step["step"].number ?? -1)] = step }
    #expect(wanted.count > 5)
    for index in 0..<count {
      let verdict = observe(index)
      if let want = wanted[index] { check(verdict, want, "\(golden["name"].text ?? "?") at \(index)") }
    }
  }

  @Test func bernoulli() throws {
    for golden in try Golden.answers("bernoulli.json")["cases"].list {
      let reference = ReferenceRate(
        events: golden["reference"][0].number ?? 0, trials: golden["reference"][1].number ?? 0)
      var detector = BernoulliDetector(reference: reference)
      #expect(agree(detector.bound, golden["bound"].number))
      let stream = golden["stream"].list
      check(golden, count: stream.count) { index in
        detector.observe(
          .init(events: stream[index][0].number ?? 0, trials: stream[index][1].number ?? 0))
      }
    }
  }

  @Test func bounded() throws {
    for golden in try Golden.answers("bounded.json")["cases"].list {
      var detector = BoundedMeanDetector(
        mean: golden["mean"].number ?? 0, tolerance: golden["tolerance"].number ?? 0,
        side: try #require(golden["side"].text.flatMap(BoundedMeanDetector.Side.init)))
      let values = golden["values"].list.compactMap(\.number)
      check(golden, count: values.count) { index in detector.observe(values[index]) }
      #expect(detector.clamped == golden["clamped"].number.map { Int($0) })
    }
  }

  @Test func quantile() throws {
    let golden = try Golden.answers("quantile.json")
    let reference = golden["reference"].list.compactMap(\.number)
    let quantiles = try #require(ReferenceQuantiles(of: Array(reference.reversed())))
    #expect([quantiles.p50, quantiles.p95, quantiles.p99] == golden["quantiles"].list.compactMap(\.number))
    #expect(quantiles.count == reference.count)
    for golden in golden["cases"].list {
      var detector = QuantileDetector(quantiles: quantiles)
      let stream = golden["stream"].list.map { row in row.list.map { Int($0.number ?? 0) } }
      var heaviest: [Int] = []
      check(golden, count: stream.count) { index in
        var observation = QuantileDetector.Observation()
        (observation.above50, observation.above95) = (stream[index][0], stream[index][1])
        (observation.above99, observation.count) = (stream[index][2], stream[index][3])
        let verdict = detector.observe(observation)
        heaviest.append(detector.heaviest)
        return verdict
      }
      for step in golden["steps"].list {
        #expect(heaviest[Int(step["step"].number ?? 0)] == step["heaviest"].number.map { Int($0) })
      }
    }
  }

  /// Scipy's search ends near 1e-8 of the best likelihood, which is some 1e-5 of a shape.
  @Test func tail() throws {
    let golden = try Golden.answers("tail.json")
    for law in golden["fits"].list {
      let fit = try #require(TailThreshold.fit(law["excesses"].list.compactMap(\.number)))
      let name = law["name"].text ?? "?"
      #expect(abs(fit.shape - (law["shape"].number ?? .nan)) < 1e-5, "\(name): shape \(fit.shape)")
      #expect(agree(fit.scale, law["scale"].number, tolerance: 1e-5), "\(name): scale \(fit.scale)")
    }
    for golden in golden["streams"].list {
      var detector = TailThreshold(
        reference: golden["reference"].list.compactMap(\.number), risk: golden["risk"].number ?? 0)
      #expect(detector.base == golden["base"].number)
      #expect(agree(detector.threshold, golden["first"].number, tolerance: 1e-4))
      var alarms: [(step: Int, threshold: Double)] = []
      for (step, value) in golden["values"].list.compactMap(\.number).enumerated() {
        let verdict = detector.observe(value)
        if verdict.isDrifted { alarms.append((step, verdict.threshold)) }
      }
      let wanted = golden["alarms"].list
      #expect(alarms.map(\.step) == wanted.map { Int($0["step"].number ?? -1) })
      #expect(alarms.contains { $0.step == 2_500 })
      for (alarm, want) in zip(alarms, wanted) {
        #expect(agree(alarm.threshold, want["threshold"].number, tolerance: 1e-4))
      }
      #expect(agree(detector.threshold, golden["last"].number, tolerance: 1e-4))
    }
  }

  @Test func eBH() throws {
    for golden in try Golden.answers("ebh.json")["cases"].list {
      var selection = EBH(level: golden["alpha"].number ?? 0)
      let logs = golden["logs"].list.compactMap(\.number)
      let found = selection.select(logs)
      #expect(found.count == golden["count"].number.map { Int($0) })
      #expect(logs.count { $0 >= found.threshold } == found.count)
    }
  }
}
