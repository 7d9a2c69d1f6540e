/// The errno numbers that this room sends, gets or compares (spec 10 §5.3), positive.
enum Errno {
  static let notPermitted: Int32 = 1
  static let noEntry: Int32 = 2
  static let ioError: Int32 = 5
  static let badFile: Int32 = 9
  static let again: Int32 = 11
  static let access: Int32 = 13
  static let badAddress: Int32 = 14
  static let busy: Int32 = 16
  static let noDevice: Int32 = 19
  static let invalid: Int32 = 22
  static let readOnly: Int32 = 30
  static let badExchange: Int32 = 52
  static let protocolError: Int32 = 71
  static let overflow: Int32 = 75
  static let notSupported: Int32 = 95
  static let notConnected: Int32 = 107
  static let shutdown: Int32 = 108
  static let timedOut: Int32 = 110
  static let unreachable: Int32 = 113
  static let already: Int32 = 114
}
