// Support: reads the vector files of Tests/Golden.
import Foundation

enum GoldenFile {
  /// The bytes under a name; traps when they are missing, as every test of them would fail.
  static func vector(_ name: String, in file: String) -> [UInt8] {
    let path = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Golden/\(file)")
    guard let text = try? String(contentsOf: path, encoding: .utf8) else {
      fatalError("no Tests/Golden/\(file)")
    }
    var bytes: [UInt8] = []
    var isWanted = false
    for line in text.split(separator: "\n") where !line.hasPrefix("#") {
      if line.hasPrefix("@") {
        isWanted =
          line.dropFirst().split(separator: "|").first?
          .trimmingCharacters(in: .whitespaces) == name
      } else if isWanted, line.hasPrefix("+") {
        bytes += [UInt8](repeating: 0, count: Int(line.dropFirst()) ?? 0)
      } else if isWanted {
        bytes += line.split(separator: " ").compactMap { UInt8($0, radix: 16) }
      }
    }
    return bytes
  }
}
