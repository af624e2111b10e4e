// Last: whatever keeps this from running leaves the sentence that says what to do.
byId("without-script").remove();
