// Property: a log line has time, level, room, message and metadata in order, as text or as one JSON object.
// Method: golden lines with a given time.
import Foundation
import Logging
import Testing
import VerbenaCommand

@Suite struct LogTests {
  private static func line(_ format: ErrorLogHandler.Format) -> String {
    let lines = Collected()
    var logger = Logger(label: "node") { label in
      ErrorLogHandler(
        label: label, level: .info, format: format, now: { Date(timeIntervalSince1970: 0.5) },
        write: { lines.append($0) })
    }
    logger[metadataKey: "peer"] = "10.0.0.1@o2ib"
    logger.debug("not shown")
    logger.warning("a \"b\"", metadata: ["cause": "none"])
    return lines.text
  }

  @Test func text() {
    #expect(
      Self.line(.text)
        == "1970-01-01T00:00:00.500Z warning node: a \"b\" cause=none peer=10.0.0.1@o2ib\n")
  }

  @Test func json() {
    #expect(
      Self.line(.json) == """
        {"time": "1970-01-01T00:00:00.500Z", "level": "warning", "room": "node", \
        "message": "a \\"b\\"", "cause": "none", "peer": "10.0.0.1@o2ib"}

        """)
  }
}
