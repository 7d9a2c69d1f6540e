// Support: reads the vector files of Tests/Golden.
import Foundation

enum GoldenFile {
  /// The bytes of the first vector under a name; empty when there is none.
  static func vector(_ name: String, in file: String) -> [UInt8] {
    bytes(in: file) { header in
      header.split(separator: "|").first?.trimmingCharacters(in: .whitespaces) == name
    }
  }

  /// The bytes under a header that ends so: with where a captured message comes from.
  static func vector(endingWith end: String, in file: String) -> [UInt8] {
    bytes(in: file) { $0.hasSuffix("| " + end) }
  }

  private static func bytes(in file: String, under isWanted: (Substring) -> Bool) -> [UInt8] {
    let path = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Golden/\(file)")
    guard let text = try? String(contentsOf: path, encoding: .utf8) else {
      fatalError("no Tests/Golden/\(file)")
    }
    var bytes: [UInt8] = []
    var isUnder = false
    for line in text.split(separator: "\n") where !line.hasPrefix("#") {
      if line.hasPrefix("@") {
        isUnder = bytes.isEmpty && isWanted(line.dropFirst())
      } else if isUnder, line.hasPrefix("+") {
        bytes += [UInt8](repeating: 0, count: Int(line.dropFirst()) ?? 0)
      } else if isUnder {
        for word in line.split(separator: " ") {
          let digits = Array(word)
          for start in stride(from: 0, to: digits.count - 1, by: 2) {
            bytes += [UInt8(String(digits[start...start + 1]), radix: 16)].compactMap { $0 }
          }
        }
      }
    }
    return bytes
  }
}
