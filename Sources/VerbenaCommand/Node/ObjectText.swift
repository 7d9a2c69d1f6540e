internal import Foundation
internal import LustreWire
internal import Verbena

extension ObjectID {
  /// `SEQUENCE:ID`, as `0x2:0x11` or in decimals, or a FID in brackets as the real tools print it.
  init(argument: String) throws(CommandFailure) {
    var text = argument[...]
    if text.hasPrefix("["), text.hasSuffix("]") { text = text.dropFirst().dropLast() }
    var numbers: [UInt64] = []
    for part in text.split(separator: ":", omittingEmptySubsequences: false) {
      let isHexadecimal = part.hasPrefix("0x")
      let digits = isHexadecimal ? part.dropFirst(2) : part
      guard digits.first?.isHexDigit == true,
        let number = UInt64(digits, radix: isHexadecimal ? 16 : 10)
      else { throw Self.malformed(argument) }
      numbers.append(number)
    }
    guard numbers.count == 2 || numbers.count == 3 && numbers[2] == 0, numbers[1] > 0 else {
      throw Self.malformed(argument)
    }
    if numbers[0] == 0 {
      self.init(number: numbers[1])
    } else {
      guard let id = UInt32(exactly: numbers[1]) else { throw Self.malformed(argument) }
      self.init(FID(numbers[0], id))
    }
    guard hasLegalSequence else {
      throw CommandFailure(
        .usage, "'\(argument)' cannot be an object: no target has objects of that sequence")
    }
  }

  private static func malformed(_ text: String) -> CommandFailure {
    CommandFailure(.usage, "'\(text)' is no object: write SEQUENCE:ID, such as 0x2:0x11")
  }

  var text: String { "0x\(String(sequence, radix: 16)):0x\(String(number, radix: 16))" }
}

/// A page of a target's objects on the control socket: `next: CURSOR`, then an object, its size and its time to a line.
struct ObjectListText {
  var next: UInt64
  var objects: [ListedObject]

  var encoded: String {
    "next: \(next)\n"
      + objects.map { "\($0.object.text) \($0.byteCount) \($0.modificationTime)\n" }.joined()
  }

  init(next: UInt64, objects: [ListedObject]) {
    self.next = next
    self.objects = objects
  }

  /// Reads the answer of a control socket.
  init(encoded text: String) throws(CommandFailure) {
    let lines = text.split(separator: "\n")
    guard let first = lines.first, first.hasPrefix("next: "), let next = UInt64(first.dropFirst(6))
    else { throw Self.malformed }
    self.next = next
    objects = []
    for line in lines.dropFirst() {
      let words = line.split(separator: " ")
      guard words.count == 3, let byteCount = UInt64(words[1]), let time = Int64(words[2]) else {
        throw Self.malformed
      }
      objects.append(
        ListedObject(
          try ObjectID(argument: String(words[0])), byteCount: byteCount, modificationTime: time))
    }
  }

  private static var malformed: CommandFailure {
    CommandFailure(.failed, "the running node's answer is no list of objects")
  }

  /// For users: object, bytes, and when it was changed, in columns.
  static func table(_ objects: [ListedObject]) -> String {
    let rows = objects.map { listed in
      [
        listed.object.text, String(listed.byteCount),
        listed.modificationTime == 0
          ? "-"
          : Date(timeIntervalSince1970: Double(listed.modificationTime)).formatted(.iso8601),
      ]
    }
    let widths = (0..<2).map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      row[0] + String(repeating: " ", count: widths[0] - row[0].count + 2)
        + String(repeating: " ", count: widths[1] - row[1].count) + row[1] + "  \(row[2])\n"
    }.joined()
  }
}

extension BulkChecksumKind {
  /// As the real tools call it.
  var text: String {
    switch self {
    case .crc32: "crc32"
    case .adler: "adler"
    case .crc32c: "crc32c"
    case .t10IP512: "t10ip512"
    case .t10IP4K: "t10ip4K"
    case .t10CRC512: "t10crc512"
    case .t10CRC4K: "t10crc4K"
    }
  }
}
