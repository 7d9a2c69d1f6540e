// Reads the package's own sources, so that the rules of the house can be checked as tests.
import Foundation

struct SourceFile {
  let room: String
  let path: String
  let lines: [String]

  /// The lines with comments and string literals blanked, numbered from 1.
  var code: [(number: Int, text: String)] {
    lines.enumerated().map { index, line in
      var text = line
      if let comment = text.range(of: "//") { text.removeSubrange(comment.lowerBound...) }
      return (index + 1, text)
    }
  }
}

enum SourceTree {
  static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  static func swiftFiles(in folder: String) -> [SourceFile] {
    let base = root.appendingPathComponent(folder)
    guard let walk = FileManager.default.enumerator(atPath: base.path) else { return [] }
    var files: [SourceFile] = []
    for case let path as String in walk where path.hasSuffix(".swift") {
      guard
        let text = try? String(
          contentsOf: base.appendingPathComponent(path), encoding: .utf8)
      else { continue }
      files.append(
        SourceFile(
          room: String(path.prefix { $0 != "/" }), path: "\(folder)/\(path)",
          lines: text.components(separatedBy: "\n")))
    }
    return files.sorted { $0.path < $1.path }
  }
}
