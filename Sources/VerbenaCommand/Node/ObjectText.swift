internal import LustreWire

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

/// A page of a target's objects on the control socket: `next: CURSOR`, then one object to a line.
struct ObjectListText {
  var next: UInt64
  var objects: [ObjectID]

  var encoded: String {
    "next: \(next)\n" + objects.map { "\($0.text)\n" }.joined()
  }

  init(next: UInt64, objects: [ObjectID]) {
    self.next = next
    self.objects = objects
  }

  /// Reads the answer of a control socket.
  init(encoded text: String) throws(CommandFailure) {
    let lines = text.split(separator: "\n")
    guard let first = lines.first, first.hasPrefix("next: "), let next = UInt64(first.dropFirst(6))
    else { throw CommandFailure(.failed, "the running node's answer is no list of objects") }
    self.next = next
    objects = []
    for line in lines.dropFirst() { objects.append(try ObjectID(argument: String(line))) }
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
