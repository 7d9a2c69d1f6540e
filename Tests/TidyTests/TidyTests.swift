// The sources keep the rules of the house: imports, files, words.
// Method: every source file is read as text and held against the tables of RoomRules.
import Foundation
import Testing

@Suite struct TidyTests {
  static let sources = SourceTree.swiftFiles(in: "Sources")

  @Test func sourcesAreFound() {
    #expect(Self.sources.count > 50)
  }

  @Test func pureRoomsImportOnlyWhatTheyMay() {
    for file in Self.sources {
      guard let allowed = RoomRules.pure[file.room] else { continue }
      for (number, line) in file.code {
        guard let module = importedModule(line) else { continue }
        #expect(allowed.contains(module), "\(file.path):\(number): \(file.room) imports \(module)")
      }
    }
  }

  @Test func importsStateTheirAccess() {
    for file in Self.sources {
      for (number, line) in file.code where line.hasPrefix("import ") {
        Issue.record("\(file.path):\(number): say internal, package or public import")
      }
    }
  }

  @Test func pureRoomsAreDeterministic() {
    let banned = [
      "async ", "await ", "Task {", "ContinuousClock", "Date()", ".random(in:", "SystemRandom",
    ]
    for file in Self.sources where RoomRules.pure[file.room] != nil {
      for (number, line) in file.code {
        for word in banned where line.contains(word) && !line.contains("using:") {
          Issue.record("\(file.path):\(number): `\(word)` in a pure room")
        }
      }
    }
  }

  @Test func unsafeStaysAtTheEdges() {
    for file in Self.sources
    where !RoomRules.mayBeUnsafe.contains(file.room)
      && !RoomRules.mayBeUnsafeFiles.contains(file.path)
    {
      for (number, line) in file.code where line.contains("unsafe ") {
        Issue.record("\(file.path):\(number): unsafe code in \(file.room)")
      }
    }
  }

  @Test func filesAreOneIdeaEach() {
    for file in Self.sources {
      #expect(file.lines.count <= 700, "\(file.path) has \(file.lines.count) lines")
    }
  }

  @Test func nothingIsLeftForLater() {
    // Spelled in two halves, so that this file does not name what it forbids.
    let words = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]
    for file in Self.sources + SourceTree.swiftFiles(in: "Bench") {
      for (index, line) in file.lines.enumerated() {
        for word in words where line.contains(word) {
          Issue.record("\(file.path):\(index + 1): \(word)")
        }
      }
    }
  }

  @Test func topLevelHoldsOnlyWhatTheLayoutNames() throws {
    let allowed: Set<String> = [
      "Package.swift", "Sources", "Tests", "Bench", "README.md", "LICENSE", "CHANGELOG.md",
      "Package.resolved",
    ]
    let entries = try FileManager.default.contentsOfDirectory(atPath: SourceTree.root.path)
    for entry in entries where !entry.hasPrefix(".") {
      #expect(allowed.contains(entry), "\(entry) at the top level")
    }
  }

  @Test func publicDeclarationsAreDocumented() {
    let starts = [
      "public struct ", "public enum ", "public final class ", "public protocol ",
      "public actor ", "public typealias ",
    ]
    for file in Self.sources {
      for (index, line) in file.lines.enumerated() {
        let text = line.trimmingCharacters(in: .whitespaces)
        guard starts.contains(where: text.hasPrefix) else { continue }
        var above = index - 1
        while above >= 0, file.lines[above].trimmingCharacters(in: .whitespaces).hasPrefix("@") {
          above -= 1
        }
        let comment = above >= 0 ? file.lines[above].trimmingCharacters(in: .whitespaces) : ""
        #expect(comment.hasPrefix("///"), "\(file.path):\(index + 1): undocumented: \(text)")
      }
    }
  }

  private func importedModule(_ line: String) -> String? {
    let words = line.split(separator: " ").map(String.init)
    guard let at = words.firstIndex(of: "import"), at + 1 < words.count, at <= 1 else {
      return nil
    }
    return words[at + 1].split(separator: ".").first.map(String.init)
  }
}
