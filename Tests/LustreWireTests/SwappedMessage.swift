// Support: turns a message into what a sender of the other byte order would have sent.
// The fields are listed by hand from spec 02 §3, independent of the decoder.

/// Swaps every field that travels in the sender's byte order; cookies, LNet header and payload stay.
func swappedMessage(_ message: [UInt8]) -> [UInt8] {
  var result = message
  func swap(_ offset: Int, _ size: Int) {
    result.replaceSubrange(
      offset..<offset + size, with: message[offset..<offset + size].reversed())
  }
  for (offset, size) in [(0, 4), (4, 2), (8, 4), (12, 4), (16, 8), (24, 8), (32, 8), (40, 8)] {
    swap(offset, size)
  }
  func swapDescriptor(_ offset: Int) {
    swap(offset, 4)
    swap(offset + 4, 4)
    for start in stride(from: offset + 8, to: message.count - 11, by: 12) {
      swap(start, 4)
      swap(start + 4, 8)
    }
  }
  switch message[6] {
  case 0xC0, 0xC1:
    swap(48, 2)
    swap(50, 2)
    swap(52, 4)
  case 0xD3, 0xD5, 0xD7: swap(56, 4)
  case 0xD4: swapDescriptor(64)
  case 0xD6: swapDescriptor(128)
  default: break
  }
  return result
}
