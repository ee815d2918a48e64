/// Text of somebody else's as a terminal may have it: what it would obey, or draw at a width that nobody can
/// know, is replaced.
///
/// - Control characters (C0, C1, ESC among them), format characters (bidirectional overrides among them), private,
///   unassigned and line-separating ones become U+FFFD, one for each.
/// - Joiners, variation selectors and skin tones go: what they would make of an emoji has another width in each
///   terminal, and without them each part is two columns wide everywhere. Regional indicators become their letters.
/// - A letter keeps at most ``maximumMarks`` combining marks.
///
/// Linear in its bytes; plain ASCII is returned as it is.
package func plain(_ text: String) -> String {
  guard text.utf8.contains(where: { $0 < 0x20 || $0 >= 0x7f }) else { return text }
  var scalars = String.UnicodeScalarView()
  var marks = 0
  for scalar in text.unicodeScalars {
    guard let kept = kept(scalar) else { continue }
    if displayWidth(of: kept) == 0 {
      marks += 1
      // A mark on nothing would sit on its neighbour's text.
      guard marks <= maximumMarks, !scalars.isEmpty else { continue }
    } else {
      marks = 0
    }
    scalars.append(kept)
  }
  return String(scalars)
}

/// More than any script of names needs on one letter.
private let maximumMarks = 3

private func kept(_ scalar: Unicode.Scalar) -> Unicode.Scalar? {
  switch scalar.value {
  case 0x20..<0x7f: return scalar
  case 0x200d, 0xfe00...0xfe0f, 0x1f3fb...0x1f3ff, 0xe0020...0xe007f, 0xe0100...0xe01ef, 0xad: return nil
  case 0x1f1e6...0x1f1ff: return Unicode.Scalar(0x41 + scalar.value - 0x1f1e6)
  default: break
  }
  switch scalar.properties.generalCategory {
  case .control, .format, .privateUse, .unassigned, .surrogate, .lineSeparator, .paragraphSeparator:
    return "\u{fffd}"
  case .spaceSeparator: return displayWidth(of: scalar) == 1 ? " " : scalar
  default: return scalar
  }
}

/// Columns of plain text (see ``plain(_:)``) on a terminal of fixed width.
package func displayWidth(of text: String) -> Int {
  if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.utf8.count }
  return text.unicodeScalars.reduce(0) { $0 + displayWidth(of: $1) }
}

/// 0 for what combines with the letter before it, 2 for East Asian Wide and Fullwidth, else 1.
package func displayWidth(of scalar: Unicode.Scalar) -> Int {
  let value = scalar.value
  guard value >= 0x300 else { return 1 }
  // Vowels and finals of Hangul join the initial before them.
  if (0x1160...0x11ff).contains(value) || (0xd7b0...0xd7ff).contains(value) { return 0 }
  switch scalar.properties.generalCategory {
  case .nonspacingMark, .enclosingMark: return 0
  default: return isWide(value) ? 2 : 1
  }
}

/// `text` cut to so many columns, with an ellipsis where something is missing; marks stay with their letter.
package func cut(_ text: String, to width: Int) -> String {
  guard displayWidth(of: text) > width else { return text }
  guard width > 0 else { return "" }
  var scalars = String.UnicodeScalarView()
  var used = 0
  for scalar in text.unicodeScalars {
    let next = used + displayWidth(of: scalar)
    if next > width - 1 { break }
    used = next
    scalars.append(scalar)
  }
  return String(scalars) + "…"
}

private func isWide(_ value: UInt32) -> Bool {
  guard value >= 0x1100 else { return false }
  var (low, high) = (0, wide.count - 1)
  while low <= high {
    let middle = (low + high) / 2
    if value < wide[middle].lowerBound {
      high = middle - 1
    } else if value > wide[middle].upperBound {
      low = middle + 1
    } else {
      return true
    }
  }
  return false
}

/// East_Asian_Width W and F of Unicode 14 (EastAsianWidth.txt), joined over what is not assigned, since that is not
/// drawn.
private let wide: [ClosedRange<UInt32>] = [
  0x1100...0x115f, 0x231a...0x231b, 0x2329...0x232a, 0x23e9...0x23ec, 0x23f0...0x23f0, 0x23f3...0x23f3,
  0x25fd...0x25fe, 0x2614...0x2615, 0x2648...0x2653, 0x267f...0x267f, 0x2693...0x2693, 0x26a1...0x26a1,
  0x26aa...0x26ab, 0x26bd...0x26be, 0x26c4...0x26c5, 0x26ce...0x26ce, 0x26d4...0x26d4, 0x26ea...0x26ea,
  0x26f2...0x26f3, 0x26f5...0x26f5, 0x26fa...0x26fa, 0x26fd...0x26fd, 0x2705...0x2705, 0x270a...0x270b,
  0x2728...0x2728, 0x274c...0x274c, 0x274e...0x274e, 0x2753...0x2755, 0x2757...0x2757, 0x2795...0x2797,
  0x27b0...0x27b0, 0x27bf...0x27bf, 0x2b1b...0x2b1c, 0x2b50...0x2b50, 0x2b55...0x2b55, 0x2e80...0x303e,
  0x3041...0x3247, 0x3250...0x4dbf, 0x4e00...0xa4c6, 0xa960...0xa97c, 0xac00...0xd7a3, 0xf900...0xfad9,
  0xfe10...0xfe19, 0xfe30...0xfe6b, 0xff01...0xff60, 0xffe0...0xffe6, 0x16fe0...0x1b2fb,
  0x1f004...0x1f004, 0x1f0cf...0x1f0cf, 0x1f18e...0x1f18e, 0x1f191...0x1f19a, 0x1f200...0x1f320,
  0x1f32d...0x1f335, 0x1f337...0x1f37c, 0x1f37e...0x1f393, 0x1f3a0...0x1f3ca, 0x1f3cf...0x1f3d3,
  0x1f3e0...0x1f3f0, 0x1f3f4...0x1f3f4, 0x1f3f8...0x1f43e, 0x1f440...0x1f440, 0x1f442...0x1f4fc,
  0x1f4ff...0x1f53d, 0x1f54b...0x1f54e, 0x1f550...0x1f567, 0x1f57a...0x1f57a, 0x1f595...0x1f596,
  0x1f5a4...0x1f5a4, 0x1f5fb...0x1f64f, 0x1f680...0x1f6c5, 0x1f6cc...0x1f6cc, 0x1f6d0...0x1f6d2,
  0x1f6d5...0x1f6df, 0x1f6eb...0x1f6ec, 0x1f6f4...0x1f6fc, 0x1f7e0...0x1f7f0, 0x1f90c...0x1f93a,
  0x1f93c...0x1f945, 0x1f947...0x1f9ff, 0x1fa70...0x1faf6, 0x20000...0x3fffd,
]
