//! What can happen to the console (`Msg`) and what it can ask for (`Effect`).
