import Events
import Foundation
import Wire

/// A NumPy array file (.npy, format 1 to 3) as feature batches or a baseline; its values are sent as they
/// are stored.
struct ArrayEvents {
  private let request: PublishFile.Request

  init(_ request: PublishFile.Request) { self.request = request }

  /// - Returns: 0, since everything is numbered by the sender.
  func send(through sender: inout EventSender) throws -> Int {
    guard let model = request.model else { throw PublishFile.Problem(message: "needs --model") }
    guard request.kind != .metrics else {
      throw PublishFile.Problem(message: "an array holds features, not metrics")
    }
    let url = URL(fileURLWithPath: request.path)
    guard let data = try? Data(contentsOf: url, options: .mappedIfSafe) else {
      throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .ENOENT)
    }
    let layout = try ArrayLayout(data)
    let names = try names(layout.columns)
    let rowBytes = layout.columns * layout.format.size
    let step = request.kind == .baseline ? layout.rows : request.batchRows
    try data.withUnsafeBytes { bytes in
      for first in stride(from: 0, to: layout.rows, by: max(1, step)) {
        let rows = min(step, layout.rows - first)
        let start = layout.offset + first * rowBytes
        let matrix = Matrix(
          rows: rows, columns: layout.columns, format: layout.format,
          received: UnsafeRawBufferPointer(rebasing: bytes[start..<start + rows * rowBytes]))
        let batch = FeatureBatch(names: names, matrix: matrix)
        let body: EventBody =
          request.kind == .baseline ? .baseline(BaselineUpdate(features: batch)) : .features(batch)
        try sender.send(body, of: model, at: nil)
      }
    }
    return 0
  }

  private func names(_ columns: Int) throws -> FeatureNames? {
    guard let list = request.names else { return nil }
    guard list.count == columns, let names = FeatureNames(list) else {
      throw PublishFile.Problem(message: "\(list.count) names for \(columns) columns, or a name twice")
    }
    return names
  }
}

/// The header of a .npy file (numpy.lib.format): magic, version, length, and a Python dictionary in text.
struct ArrayLayout: Equatable {
  /// No text begins with it.
  static let firstByte: UInt8 = 0x93

  var format: Matrix.Format
  var rows: Int
  var columns: Int
  /// Where the values begin.
  var offset: Int

  /// - Throws: `PublishFile.Problem` for anything but a matrix, row after row, of a type that the wire has.
  init(_ data: Data) throws {
    func problem(_ message: String) -> PublishFile.Problem { PublishFile.Problem(message: message) }
    let bytes = [UInt8](data.prefix(12))
    guard bytes.count == 12, bytes.starts(with: [Self.firstByte] + Array("NUMPY".utf8)),
      (1...3).contains(bytes[6])
    else {
      throw problem("no .npy file")
    }
    let wide = bytes[6] > 1
    let lengthBytes = wide ? bytes[8..<12] : bytes[8..<10]
    let length = lengthBytes.reversed().reduce(0) { $0 << 8 | Int($1) }
    offset = (wide ? 12 : 10) + length
    guard offset <= data.count, length < 1 << 20 else { throw problem("a header that ends early") }
    let text = String(
      decoding: data[data.startIndex + (wide ? 12 : 10)..<data.startIndex + offset], as: UTF8.self)

    switch Self.value(of: "descr", in: text) {
    case "'<f8'": format = .float64
    case "'<f4'": format = .float32
    case "'<i8'": format = .int64
    case "'<i4'": format = .int32
    case "'|b1'": format = .bool
    case let other:
      throw problem("values of type \(other ?? "?"), want <f8, <f4, <i8, <i4 or |b1: use numpy's astype")
    }
    let shape = Self.shape(in: text)
    guard shape.count == 1 || shape.count == 2, shape.allSatisfy({ $0 > 0 && $0 < 1 << 40 }) else {
      throw problem("a shape of \(shape.count) dimensions or an empty one, want rows and columns")
    }
    (rows, columns) = (shape[0], shape.count == 2 ? shape[1] : 1)
    guard shape.count == 1 || Self.value(of: "fortran_order", in: text) == "False" else {
      throw problem("column after column, want row after row: use numpy.ascontiguousarray")
    }
    guard columns <= WireLimits.columns else {
      throw problem("\(columns) columns, at most \(WireLimits.columns)")
    }
    let (elements, overflow) = rows.multipliedReportingOverflow(by: columns)
    guard !overflow, elements <= (data.count - offset) / format.size else {
      throw problem("fewer values than its shape has")
    }
  }

  /// The text behind a key, up to the next comma.
  private static func value(of key: String, in text: String) -> String? {
    guard let found = text.range(of: "'\(key)':") else { return nil }
    return text[found.upperBound...].prefix { $0 != "," && $0 != "}" }.trimmingCharacters(in: .whitespaces)
  }

  private static func shape(in text: String) -> [Int] {
    guard let key = text.range(of: "'shape':"), let open = text[key.upperBound...].firstIndex(of: "("),
      let close = text[open...].firstIndex(of: ")")
    else { return [] }
    let parts = text[text.index(after: open)..<close].split(separator: ",")
      .map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    let numbers = parts.compactMap { Int($0) }
    return numbers.count == parts.count ? numbers : []
  }
}
