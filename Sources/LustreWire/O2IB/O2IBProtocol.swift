/// Constants of the o2iblnd wire protocol.
///
/// **Wire:** `o2iblnd-idl.h`, `o2iblnd.h` of release 2.17.0 (spec 02 §2, §3, §6.1).
package enum O2IBProtocol {
  /// `ibm_magic` and `ibr_magic`, in the sender's byte order.
  package static let magic: UInt32 = 0x0BE9_1B91
  /// What a probe of a future protocol would carry instead; answered with a FATAL reject.
  package static let probeMagic: UInt32 = 0x4572_6963
  /// The version that we speak.
  package static let version: UInt16 = 0x12
  /// The version that is only recognised, to reject it.
  package static let version1: UInt16 = 0x11
  /// The TCP-style port of the RDMA CM on which nodes listen.
  package static let servicePort: UInt16 = 987
  /// The largest message, and the size of every receive buffer, in bytes.
  package static let maximumMessageBytes: UInt32 = 4096
  /// Fragments per descriptor and WRITE work requests per transfer: 1 MiB in pages, unaligned.
  package static let maximumFragments: UInt16 = 257
  /// The least and the most credits per direction of a connection.
  package static let queueDepths: ClosedRange<UInt16> = 1...255
  /// Private data of a connect request and of an accept, in bytes.
  package static let helloBytes = 56
  /// Private data of a reject, in bytes.
  package static let rejectBytes = 24
  /// Where bodies start.
  package static let bodyOffset = 48
  /// Where the payload of an IMMEDIATE message starts: envelope and LNet header.
  package static let immediatePayloadOffset = 120
  /// The largest payload of an IMMEDIATE message, in bytes.
  package static let maximumImmediatePayloadBytes: UInt32 = 3976
}
