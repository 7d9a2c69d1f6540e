// Support: reads the vector files of Tests/Golden.
// Lines: '#' comment, '@ name | what | source' starts a vector, then hexadecimal bytes; +N for N
// bytes that do not matter.

import Foundation
import Testing

/// One vector of a file in Tests/Golden.
struct GoldenVector: Sendable, CustomTestStringConvertible {
  var name: String
  var source: String
  var bytes: [UInt8]

  var testDescription: String { "\(name), \(source)" }
}

enum GoldenFile {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Golden")

  /// All vectors of the file; traps when it is missing or malformed, as every test would fail.
  static func vectors(_ file: String) -> [GoldenVector] {
    guard
      let text = try? String(contentsOf: folder.appending(path: file), encoding: .utf8)
    else { fatalError("no Tests/Golden/\(file)") }
    var result: [GoldenVector] = []
    for line in text.split(separator: "\n") where !line.hasPrefix("#") {
      if line.hasPrefix("@") {
        let parts = line.dropFirst().split(separator: "|").map {
          $0.trimmingCharacters(in: .whitespaces)
        }
        guard let name = parts.first, let source = parts.last else {
          fatalError("\(file): \(line)")
        }
        result.append(GoldenVector(name: name, source: source, bytes: []))
      } else if line.hasPrefix("+") {
        let count = Int(line.dropFirst()) ?? 0
        result[result.count - 1].bytes += [UInt8](repeating: 0, count: count)
      } else {
        result[result.count - 1].bytes += hexBytes(line)
      }
    }
    return result
  }

  /// The bytes of hexadecimal text, blanks ignored.
  static func hexBytes(_ text: some StringProtocol) -> [UInt8] {
    let digits = text.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count - 1, by: 2).map {
      UInt8(digits[$0] << 4 | digits[$0 + 1])
    }
  }
}
