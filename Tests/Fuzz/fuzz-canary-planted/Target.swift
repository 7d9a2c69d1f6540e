// Property: the fuzzer finds bugs: this target has one, and a run that does not find it fails.
// Method: a decoder that believes the fragment count of a PUT_ACK.

internal import FuzzSupport
internal import LustreWire

@c(LLVMFuzzerTestOneInput)
func fuzzOneInput(_ data: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let input = unsafe inputBytes(data, count)
  let bytes = input.rawBytes
  guard count >= 72, bytes.native(UInt32.self, at: 0) == O2IBProtocol.magic,
    bytes.byte(at: 6) == O2IBMessageType.putAcknowledge.rawValue
  else { return 0 }
  // The planted bug: the fragments are not compared with what arrived.
  let last = Int(bytes.native(UInt32.self, at: 68)) - 1
  _ = RDMAFragment(at: 72 + 12 * last, in: bytes, swapped: false)
  return 0
}
