import Foundation

extension Diagnosis {
  /// For people, the worst first.
  package func lines(width: Int) -> [StyledLine] {
    var report = Report(width: width, labels: 18)
    let who = seen.status.map { ", \($0.name) \($0.version)" } ?? ""
    let verdict =
      errors + warnings == 0
      ? "all right"
      : [(errors, "error"), (warnings, "warning")].filter { $0.0 > 0 }.map { Figures.word($0.0, $0.1) }
        .joined(separator: ", ")
    report.title("\(seen.address)\(who): \(verdict)", errors > 0 ? .bad : warnings > 0 ? .warning : .good)
    for finding in findings {
      report.line(StyledLine())
      let (symbol, style) = finding.severity.symbol
      report.row(symbol, finding.code, finding.summary, style, .bold)
      report.row("", finding.meaning)
      report.row(" ", "", "→ \(finding.action)", .usual, .accent)
    }
    if !passed.isEmpty {
      report.line(StyledLine())
      report.row("✓", "in order", passed.joined(separator: ", "), .good, .dim)
    }
    return report.lines
  }

  private struct Answer: Encodable {
    struct Finding: Encodable {
      var severity, code, summary, meaning, action: String
    }
    var url: String
    var errors, warnings: Int
    var findings: [Finding]
    var passed: [String]
  }

  /// One JSON object.
  package var json: String {
    let answer = Answer(
      url: "\(seen.address)", errors: errors, warnings: warnings,
      findings: findings.map {
        .init(
          severity: $0.severity.rawValue, code: $0.code, summary: $0.summary, meaning: $0.meaning,
          action: $0.action)
      }, passed: passed)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Texts and numbers alone: there is nothing that could not be written.
    do { return String(decoding: try encoder.encode(answer), as: UTF8.self) } catch { return "{}" }
  }
}

extension DoctorFinding.Severity {
  fileprivate var symbol: (String, Style) {
    switch self {
    case .error: ("✗", .bad)
    case .warning: ("▲", .warning)
    case .note: ("·", .accent)
    }
  }
}
