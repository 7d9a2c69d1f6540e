internal import BenchKit
internal import Capture
internal import Foundation
internal import LustreWire

/// The messages of a capture file, as lines or as one JSON object.
struct CaptureListing {
  static let schema = "verbena.decode/1"
  /// Output is written in pieces of about this many bytes.
  private static let chunkByteCount = 1 << 16

  private let path: String
  private var decoder: Decoder
  private(set) var messageCount = 0
  private(set) var errorCount = 0

  init(path: String) throws(CommandFailure) {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw CommandFailure(.failed, "\(path): cannot be read; give a capture file that exists")
    }
    do throws(CaptureError) {
      decoder = try Decoder([UInt8](data))
    } catch { throw CommandFailure(.failed, "\(path): \(error)") }
    self.path = path
  }

  /// Writes one line a message; with `isVerbose` every field on a line of its own below it.
  mutating func writeLines(isVerbose: Bool, to write: (String) -> Void) {
    var text = ""
    while let message = next() {
      text += message.line(since: decoder.startNanoseconds) + "\n"
      if isVerbose {
        text += message.fields.map { "    \($0.name): \($0.value)\n" }.joined()
      }
      if text.utf8.count >= Self.chunkByteCount {
        write(text)
        text = ""
      }
    }
    write(text)
  }

  mutating func json() -> JSONValue {
    var messages: [JSONValue] = []
    while let message = next() { messages.append(message.json) }
    return .object([
      "schema": .string(Self.schema), "file": .string(path),
      "startNanoseconds": .unsigned(decoder.startNanoseconds), "messages": .array(messages),
    ])
  }

  private mutating func next() -> DecodedMessage? {
    guard let message = decoder.next() else { return nil }
    messageCount += 1
    if message.kind == .error { errorCount += 1 }
    return message
  }
}

extension DecodedMessage {
  fileprivate var json: JSONValue {
    .object([
      "frame": .integer(frame), "timeNanoseconds": .unsigned(timeNanoseconds),
      "kind": .string(kind.rawValue), "name": .string(name),
      "source": .string(IPv4Text.describe(sourceAddress)),
      "destination": .string(IPv4Text.describe(destinationAddress)),
      "connection": connection.map { .integer($0) } ?? .null,
      "sourceNID": .optional(sourceNID?.description),
      "destinationNID": .optional(destinationNID?.description),
      "credits": credits.map { .integer(Int($0)) } ?? .null, "summary": .string(summary),
      "fields": .array(fields.map { .array([.string($0.name), .string($0.value)]) }),
    ])
  }
}
