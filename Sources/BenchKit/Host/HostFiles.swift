internal import Foundation

/// The files in which Linux says what a machine is. The root is a parameter so that tests can show another machine.
package struct HostFiles: Sendable {
  package let root: String

  package init(root: String = "") { self.root = root }

  /// The text of a file without its last newline, nil when it cannot be read.
  package func text(_ path: String) -> String? {
    guard let data = FileManager.default.contents(atPath: root + path),
      var text = String(data: data, encoding: .utf8)
    else { return nil }
    while text.last?.isWhitespace == true { text.removeLast() }
    return text
  }

  /// The names in a folder, in order; none when there is no such folder.
  package func names(_ path: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: root + path)) ?? [])
      .sorted { $0.compare($1, options: .numeric) == .orderedAscending }
  }

  package func exists(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: root + path)
  }

  /// Whether this process may open the file for reading and writing.
  package func isWritable(_ path: String) -> Bool {
    FileManager.default.isReadableFile(atPath: root + path)
      && FileManager.default.isWritableFile(atPath: root + path)
  }

  /// The value behind `key:` or `key =` in a file of such lines.
  package func value(of key: String, in path: String) -> String? {
    for line in (text(path) ?? "").split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2, parts[0].trimmingCharacters(in: .whitespaces) == key else { continue }
      return parts[1].trimmingCharacters(in: .whitespaces)
    }
    return nil
  }
}
