internal import LustreWire

/// A node's cookies: they step by 7 from a start that is given, and are never 0 (spec 11 §2).
struct CookieSource: BitwiseCopyable {
  private var last: UInt64

  init(start: UInt64) { last = start }

  mutating func make() -> Cookie {
    last &+= 7
    if last == 0 { last = 7 }
    return Cookie(rawValue: last)
  }
}
