extension ProcessID: CustomStringConvertible, LosslessStringConvertible {
  /// `12345-10.0.0.1@tcp`; a pid with the user flag prints without it and with a leading `U`.
  public var description: String {
    let user = pid & LNetLimits.userPIDFlag != 0 ? "U" : ""
    return "\(user)\(pid & ~LNetLimits.userPIDFlag)-\(nid)"
  }

  /// Parses the text form; a text without `-` is a NID of the Lustre process. Throws ``NIDTextError``.
  public init(text: String) throws(NIDTextError) {
    var cursor = try TextCursor(text)
    guard cursor.position(of: UInt8(ascii: "-")) != nil else {
      self.init(nid: try NID(cursor: &cursor))
      return
    }
    let flag = cursor.take(UInt8(ascii: "U")) ? LNetLimits.userPIDFlag : 0
    let number = try cursor.number(maximum: ~flag)
    try cursor.expect(UInt8(ascii: "-"))
    self.init(nid: try NID(cursor: &cursor), pid: number | flag)
  }

  /// Parses the text form, or gives nil.
  public init?(_ description: String) {
    guard let process = try? ProcessID(text: description) else { return nil }
    self = process
  }
}
