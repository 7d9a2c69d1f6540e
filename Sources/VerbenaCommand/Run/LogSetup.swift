internal import BenchKit
package import Foundation
package import Logging

/// Log lines on standard error, as text or one JSON object a line.
package struct ErrorLogHandler: LogHandler {
  package enum Format: String, Sendable { case text, json }

  package var metadata: Logger.Metadata = [:]
  package var logLevel: Logger.Level
  private let label: String
  private let format: Format
  private let write: @Sendable (String) -> Void
  private let now: @Sendable () -> Date

  package init(
    label: String, level: Logger.Level, format: Format,
    now: @escaping @Sendable () -> Date = { Date() },
    write: @escaping @Sendable (String) -> Void = Streams.error
  ) {
    self.label = label
    logLevel = level
    self.format = format
    self.now = now
    self.write = write
  }

  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  package func log(event: LogEvent) {
    var merged = metadata
    for (key, value) in event.metadata ?? [:] { merged[key] = value }
    let pairs = merged.sorted { $0.key < $1.key }
    let time = now().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    switch format {
    case .text:
      let details = pairs.map { " \($0.key)=\($0.value)" }.joined()
      write("\(time) \(event.level) \(label): \(event.message)\(details)\n")
    case .json:
      var members: [JSONValue.Member] = [
        .init("time", .string(time)), .init("level", .string(event.level.rawValue)),
        .init("room", .string(label)), .init("message", .string("\(event.message)")),
      ]
      members += pairs.map { .init($0.key, .string("\($0.value)")) }
      write(JSONValue.object(members).line + "\n")
    }
  }

  /// Makes every logger of the process write so. Called once, before the first of them is made.
  static func bootstrap(_ settings: Settings) {
    let level = Logger.Level(rawValue: settings.text(.logLevel)) ?? .notice
    let format = Format(rawValue: settings.text(.logFormat)) ?? .text
    LoggingSystem.bootstrap { ErrorLogHandler(label: $0, level: level, format: format) }
  }
}
