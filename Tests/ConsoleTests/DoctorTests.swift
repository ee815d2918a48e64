import Events
import Testing

@testable import Console

@Suite struct DoctorTests {
  private let address: ServiceAddress

  init() throws { address = try ServiceAddress(parsing: ServiceAddress.standard) }

  private static let ready =
    #"{"status":"ready","checks":{"journal":{"state":"ok","detail":null,"since":null}}}"#

  /// A daemon that is well.
  private func well() throws -> Examination {
    var seen = Examination(address: address, ownVersion: "0.6.0", reach: .answered)
    seen.live = .init(status: 200, body: Array("ok\n".utf8))
    seen.ready = .init(status: 200, body: Array(Self.ready.utf8))
    var status = try Answers.status()
    status.account.reasons = [:]
    status.models.byState = ["healthy": 9]
    seen.status = status
    seen.sources = try sources(Answers.source("pod-a"))
    seen.clockAhead = .milliseconds(3)
    seen.metrics = MetricsText("process_open_fds 40\nprocess_max_fds 1024\n")
    return seen
  }

  private func sources(_ texts: String...) throws -> [SourceAnswer] {
    try Answers.decoded(
      SourceList.self,
      #"{"at":"2026-03-02T05:00:00Z","total":1,"offset":0,"sources":[\#(texts.joined(separator: ","))]}"#
    ).sources
  }

  @Test func nothingIsFoundOfADaemonThatIsWell() throws {
    let diagnosis = Diagnosis(try well())
    #expect(diagnosis.findings == [])
    #expect(diagnosis.exitCode == 0)
    #expect(diagnosis.passed.count >= 12)
    #expect(diagnosis.lines(width: 80)[0].text == "http://127.0.0.1:7414, demo 0.6.0: all right")
  }

  /// A trouble, what is planted for it, and what is to be found.
  struct Trouble: Sendable, CustomTestStringConvertible {
    var code: String
    var severity: DoctorFinding.Severity
    /// Words that must stand in what is told.
    var words: [String]
    var plant: @Sendable (inout Examination, DoctorTests) throws -> Void
    var testDescription: String { "\(code) \(words)" }
  }

  static let troubles: [Trouble] = [
    Trouble(code: "unreachable", severity: .error, words: ["nothing listens", "ready"]) { seen, _ in
      seen.reach = .failed(.refused, otherPort: nil)
    },
    Trouble(code: "unreachable", severity: .error, words: ["7411", "http: off"]) { seen, _ in
      seen.reach = .failed(.refused, otherPort: 7411)
    },
    Trouble(code: "unreachable", severity: .error, words: ["Another service"]) { seen, _ in
      seen.reach = .failed(.malformed("it begins with 'SSH'"), otherPort: nil)
    },
    Trouble(code: "unreachable", severity: .error, words: ["in time", "stopped"]) { seen, _ in
      seen.reach = .failed(.timedOut, otherPort: nil)
    },
    Trouble(code: "token", severity: .error, words: ["--token-file"]) { seen, _ in
      (seen.status, seen.refusal) = (
        nil, .problem(status: 401, code: "token", detail: "want the bearer token")
      )
    },
    Trouble(code: "host", severity: .error, words: ["127.0.0.1:7414"]) { seen, _ in
      (seen.status, seen.refusal) = (nil, .problem(status: 403, code: "host", detail: "no"))
    },
    Trouble(code: "status", severity: .error, words: ["no total"]) { seen, _ in
      (seen.status, seen.refusal) = (nil, .undecodable("no total in ''"))
    },
    Trouble(code: "not_live", severity: .error, words: ["12 s ago"]) { seen, _ in
      seen.live = .init(status: 503, body: Array("the serving loop last turned 12 s ago\n".utf8))
    },
    Trouble(code: "not_ready", severity: .error, words: ["draining"]) { seen, _ in
      seen.ready = .init(status: 503, body: Array(#"{"status":"draining","checks":{}}"#.utf8))
    },
    Trouble(code: "not_ready", severity: .error, words: ["500"]) { seen, _ in
      seen.ready = .init(status: 500, body: [])
    },
    Trouble(code: "alertmanager_failing", severity: .warning, words: ["refused"]) { seen, _ in
      seen.ready = .init(
        status: 200,
        body: Array(
          #"{"status":"degraded","checks":{"alertmanager":{"state":"failing","detail":"refused","since":null}}}"#
            .utf8))
    },
    Trouble(code: "version", severity: .warning, words: ["0.6.0", "0.7.0"]) { seen, _ in
      seen.ownVersion = "0.7.0"
    },
    Trouble(code: "reload_failed", severity: .error, words: ["tidemark check --config /etc/tidemark.yaml"]) {
      seen, _ in
      seen.status?.configuration.lastReload = .init(at: Answers.now, successful: false)
    },
    Trouble(code: "clock", severity: .warning, words: ["9 s", "behind"]) { seen, _ in
      seen.clockAhead = .seconds(-9)
    },
    Trouble(code: "journal_failing", severity: .error, words: ["disk full", "3 messages waiting"]) {
      seen, _ in
      seen.status?.journal.state = "failing"
      seen.status?.journal.detail = "disk full"
      seen.status?.journal.outputsWaiting = 3
    },
    Trouble(code: "no_journal", severity: .note, words: ["state: DIRECTORY"]) { seen, _ in
      seen.status?.journal.state = "off"
    },
    Trouble(code: "disk", severity: .error, words: ["1.0 GiB of 100.0 GiB"]) { seen, _ in
      seen.disk = (0x1p30, 100 * 0x1p30)
    },
    Trouble(code: "disk", severity: .warning, words: ["5.0 GiB"]) { seen, _ in
      seen.disk = (5 * 0x1p30, 100 * 0x1p30)
    },
    Trouble(
      code: "too_many_models", severity: .error,
      words: ["10,000 of at most 10,000", "4 events", "limits.models"]
    ) { seen, _ in
      seen.status?.models.total = 10_000
      seen.status?.account.reasons["too_many_models"] = 4
    },
    Trouble(code: "sources_limit", severity: .warning, words: ["4,000 of at most 4,096"]) { seen, _ in
      seen.status?.sources.total = 4_000
    },
    Trouble(code: "stale_models", severity: .warning, words: ["2 models are stale", "rain for 50 min"]) {
      seen, _ in
      seen.status?.models.byState["stale"] = 2
      seen.stale = try Answers.models([Answers.summary("rain", state: "stale", heard: 3_000)])
    },
    Trouble(code: "no_events", severity: .warning, words: ["ingest"]) { seen, _ in
      seen.status?.account.received = 0
    },
    Trouble(code: "losses", severity: .warning, words: ["pod-a lost 5 of 18,005", "1,000 messages"]) {
      seen, tests in
      seen.sources = try tests.sources(Answers.source("pod-a", lost: 5))
    },
    Trouble(code: "losses", severity: .warning, words: ["dropped 5", "SNDHWM"]) { seen, tests in
      seen.sources = try tests.sources(Answers.source("pod-a", lost: 5, dropped: 5))
    },
    Trouble(code: "losses", severity: .warning, words: ["began anew 2 times", "linger"]) { seen, tests in
      seen.sources = try tests.sources(Answers.source("pod-a", lost: 5, restarts: 2))
    },
    Trouble(code: "losses", severity: .warning, words: ["2 further sources lost 10"]) { seen, tests in
      seen.sources = try (0..<7).flatMap { try tests.sources(Answers.source("pod-\($0)", lost: 5)) }
    },
    Trouble(code: "clock_skew", severity: .warning, words: ["pod-a is 7 s behind"]) { seen, tests in
      seen.sources = try tests.sources(Answers.source("pod-a", offset: 7_000))
    },
    Trouble(code: "clock_skew", severity: .error, words: ["2 min 5 s ahead", "not believed"]) { seen, tests in
      seen.sources = try tests.sources(Answers.source("pod-a", offset: -125_000))
    },
    Trouble(code: "unsequenced", severity: .warning, words: ["pod-a does not number"]) { seen, tests in
      seen.sources = try tests.sources(Answers.source("pod-a", unsequenced: 9))
    },
    Trouble(code: "duplicate_source", severity: .error, words: ["publish as pod-a"]) { seen, _ in
      seen.alerts = try Answers.decoded(
        AlertList.self,
        #"{"total":1,"alerts":[\#(Answers.alert.replacing(#""source":null"#, with: #""source":"pod-a""#).replacing(#""monitor":"accuracy""#, with: #""monitor":"duplicate_source""#))]}"#
      ).alerts
    },
    Trouble(code: "orchestrator_stalled", severity: .error, words: ["never started"]) { seen, _ in
      seen.alerts = try Answers.decoded(
        AlertList.self,
        #"{"total":1,"alerts":[\#(Answers.alert.replacing(#""monitor":"accuracy""#, with: #""monitor":"orchestrator""#))]}"#
      ).alerts
    },
    Trouble(
      code: "rejected", severity: .warning,
      words: ["12 events rejected as shape_mismatch, most of pod-a (11)", "baseline"]
    ) { seen, tests in
      seen.status?.account.reasons["shape_mismatch"] = 12
      seen.sources = try tests.sources(
        Answers.source("pod-a", rejected: #"{"shape_mismatch":11}"#),
        Answers.source("pod-b", rejected: #"{"shape_mismatch":1}"#))
    },
    Trouble(code: "unclaimed", severity: .warning, words: ["waits for 1 h", "tidemark ack rt-5a1"]) {
      seen, _ in
      var detail = try Answers.decision()
      detail.timers = [
        .init(timer: "expiry", at: detail.at.advanced(by: .seconds(86_400 - 3_600)), text: "it expires")
      ]
      seen.unclaimed = [detail]
    },
    Trouble(code: "expired", severity: .warning, words: ["1 decision expired"]) { seen, _ in
      var decision = try Answers.decision().decision
      decision.state = "expired"
      seen.decisions = [decision]
    },
    Trouble(code: "descriptors", severity: .warning, words: ["900 of 1024"]) { seen, _ in
      seen.metrics = MetricsText("process_open_fds 900\nprocess_max_fds 1024\n")
    },
    Trouble(code: "memory", severity: .warning, words: ["7.0 GiB of this machine's 8.0 GiB"]) { seen, _ in
      (seen.metrics, seen.memory) = (MetricsText("process_resident_memory_bytes 7516192768\n"), 0x1p33)
    },
    Trouble(code: "security", severity: .warning, words: ["7 connections rejected: wrong_key"]) { seen, _ in
      seen.metrics = MetricsText("tidemark_security_rejections_total{reason=\"wrong_key\"} 7\n")
    },
    Trouble(code: "sink_failing", severity: .warning, words: ["3 notifications to am lost"]) { seen, _ in
      seen.metrics = MetricsText(
        """
        tidemark_sink_notifications_total{sink="am",outcome="delivered"} 9
        tidemark_sink_notifications_total{sink="am",outcome="retried"} 2
        tidemark_sink_notifications_total{sink="am",outcome="dropped"} 1
        tidemark_sink_notifications_total{sink="am",outcome="refused"} 2
        """)
    },
    Trouble(code: "sink_failing", severity: .warning, words: ["pager takes no notification"]) { seen, _ in
      seen.metrics = MetricsText(
        """
        tidemark_sink_notifications_total{sink="am",outcome="delivered"} 9
        tidemark_sink_notifications_total{sink="am",outcome="retried"} 2
        tidemark_sink_notifications_total{sink="pager",outcome="retried"} 2
        """)
    },
    Trouble(code: "log", severity: .note, words: ["12 lines"]) { seen, _ in
      seen.metrics = MetricsText("tidemark_log_lines_dropped_total 12\n")
    },
    Trouble(code: "plaintext", severity: .warning, words: ["ssh -L"]) { seen, _ in
      seen.address = try ServiceAddress(parsing: "http://10.0.0.7:7414")
    },
  ]

  @Test(arguments: troubles) func aTroubleIsFoundAndToldWithWhatToDo(trouble: Trouble) throws {
    var seen = try well()
    try trouble.plant(&seen, self)
    let diagnosis = Diagnosis(seen)
    let told = diagnosis.findings.filter { $0.code == trouble.code && $0.severity == trouble.severity }
    let text = told.map { "\($0.summary) \($0.meaning) \($0.action)" }.joined(separator: "\n")
    #expect(!told.isEmpty, "\(diagnosis.findings)")
    for word in trouble.words { #expect(text.contains(word), "\(text)") }
    #expect(told.allSatisfy { !$0.meaning.isEmpty && !$0.action.isEmpty })
    #expect(diagnosis.exitCode == (trouble.severity == .error ? 2 : trouble.severity == .warning ? 1 : 0))
    #expect(diagnosis.lines(width: 60).allSatisfy { $0.width <= 60 })
  }

  @Test func aDecisionThatWasJustIssuedIsNoTrouble() throws {
    var seen = try well()
    var detail = try Answers.decision()
    detail.timers = [
      .init(timer: "expiry", at: detail.at.advanced(by: .seconds(86_400 - 30)), text: "it expires")
    ]
    seen.unclaimed = [detail]
    #expect(Diagnosis(seen).findings == [])
  }

  @Test func theWorstComesFirst() throws {
    var seen = try well()
    for trouble in Self.troubles
    where trouble.code != "unreachable" && trouble.code != "status" && trouble.code != "token"
      && trouble.code != "host"
    {
      try trouble.plant(&seen, self)
    }
    let severities = Diagnosis(seen).findings.map(\.severity)
    #expect(severities == severities.sorted())
    #expect(Set(severities) == [.error, .warning, .note])
  }

  @Test func metricsText() {
    let text = """
      # TYPE a counter
      a_total{x="1",y="q\\"u\\\\o\\nte"} 5 1700000000
      b 1.5e3
      c{} NaN
      broken{x=1} 2
      broken{x="1
      {} 3

      d{x="}"} +Inf # {trace_id="1"} 1
      # EOF
      """
    let metrics = MetricsText(text)
    #expect(metrics.samples.map(\.name) == ["a_total", "b", "c", "d"])
    #expect(metrics.samples[0].labels == ["x": "1", "y": "q\"u\\o\nte"])
    #expect(metrics["b"] == 1_500)
    #expect(metrics["d"] == .infinity)
    #expect(metrics["none"] == nil)
  }
}
