internal import Foundation
internal import Glibc

/// Where output goes. Standard output carries results only; everything else goes to standard error.
package enum Streams {
  package static var errorIsTerminal: Bool { isatty(2) == 1 }
  package static var outputIsTerminal: Bool { isatty(1) == 1 }

  package static func output(_ text: String) {
    try? FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
  }

  package static func error(_ text: String) {
    try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
  }

  /// Whether a result file can be written; what is there stays as it is.
  package static func check(_ path: String) throws(OutputError) {
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    let files = FileManager.default
    guard files.isWritableFile(atPath: files.fileExists(atPath: path) ? path : folder) else {
      throw OutputError(path: path, reason: "no such folder, or no permission to write there")
    }
  }

  /// Writes a result file; `-` is standard output.
  package static func write(_ text: String, to path: String) throws(OutputError) {
    guard path != "-" else { return output(text) }
    do {
      try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    } catch {
      throw OutputError(path: path, reason: error.localizedDescription)
    }
  }
}

/// A result file could not be written.
package struct OutputError: Error, Sendable, CustomStringConvertible {
  package let path: String
  package let reason: String
  package var description: String { "cannot write \(path): \(reason)" }
}
