export default { type: 'Not A Type' };
